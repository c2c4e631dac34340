package follow

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

// until the file has the content, or is gone where that is "", as those see who read it when they are told.
func until(t *testing.T, changes <-chan struct{}, path, want string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case _, ok := <-changes:
			if !ok {
				t.Fatal("nothing is told any more")
			}
			if data, _ := os.ReadFile(path); string(data) == want {
				return
			}
		case <-limit:
			t.Fatalf("nobody told of %q", want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass until the test ends, for who tries again by it.
func pass(t *testing.T, c *testingclock.FakeClock) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for t.Context().Err() == nil {
			c.Step(Again)
			<-ticker.C
		}
	}()
	t.Cleanup(func() { <-ended })
}

func TestFolderThatIsDeletedAndMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config")
	path, c := filepath.Join(dir, "file"), testingclock.NewFakeClock(time.Now())
	write(t, path, "first")
	ctx, cancel := context.WithCancel(t.Context())
	changes := Changes(ctx, path, c)
	until(t, changes, path, "first")
	if c.HasWaiters() {
		t.Error("the clock is asked although the watch works")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	until(t, changes, path, "")
	write(t, path, "second")
	pass(t, c)
	until(t, changes, path, "second")
	write(t, path, "third")
	until(t, changes, path, "third")
	cancel()
	for range changes { // it is closed
	}
}

func TestFolderThatIsReplaced(t *testing.T) {
	root := t.TempDir()
	dir, next := filepath.Join(root, "config"), filepath.Join(root, "next")
	path, c := filepath.Join(dir, "file"), testingclock.NewFakeClock(time.Now())
	write(t, path, "first")
	changes := Changes(t.Context(), path, c)
	until(t, changes, path, "first")
	write(t, filepath.Join(next, "file"), "second")
	if err := os.Rename(dir, filepath.Join(root, "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, dir); err != nil {
		t.Fatal(err)
	}
	pass(t, c)
	until(t, changes, path, "second")
	write(t, path, "third")
	until(t, changes, path, "third")
}

func TestLinkThatLeadsNowhere(t *testing.T) {
	root := t.TempDir()
	path, c := filepath.Join(root, "config", "file"), testingclock.NewFakeClock(time.Now())
	write(t, filepath.Join(root, "config", "other"), "")
	if err := os.Symlink("../later/file", path); err != nil {
		t.Fatal(err)
	}
	changes := Changes(t.Context(), path, c)
	until(t, changes, path, "")
	write(t, filepath.Join(root, "later", "file"), "first")
	pass(t, c)
	until(t, changes, path, "first")
}
