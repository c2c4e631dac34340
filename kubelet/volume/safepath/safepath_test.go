package safepath

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func openBase(t *testing.T) (*os.File, string) {
	t.Helper()
	dir := t.TempDir()
	base, err := OpenBase(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { base.Close() })
	return base, dir
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestOpenStaysBeneath(t *testing.T) {
	base, dir := openBase(t)
	if err := os.MkdirAll(filepath.Join(dir, "real/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, "real", filepath.Join(dir, "inside"))
	link(t, "../inside/sub", filepath.Join(dir, "real/back"))
	link(t, "/etc", filepath.Join(dir, "absolute"))
	link(t, "../..", filepath.Join(dir, "climbs"))
	for sub, escapes := range map[string]bool{
		".": false, "real/sub": false, "inside/sub": false, "real/back": false, "real/../real": false,
		"absolute": true, "absolute/passwd": true, "climbs": true, "..": true, "real/../../x": true, "/etc": true,
	} {
		file, err := Open(base, sub)
		if file != nil {
			file.Close()
		}
		if errors.Is(err, ErrEscapes) != escapes || !escapes && err != nil {
			t.Errorf("%s: %v", sub, err)
		}
	}
}

func TestMkdirAll(t *testing.T) {
	base, dir := openBase(t)
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, "real", filepath.Join(dir, "inside"))
	made, err := MkdirAll(base, "inside/a/b", 0o770)
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	info, err := os.Stat(filepath.Join(dir, "real/a/b"))
	if err != nil || info.Mode() != os.ModeDir|0o770 {
		t.Errorf("made %v, %v", info, err)
	}
	link(t, t.TempDir(), filepath.Join(dir, "out"))
	if _, err := MkdirAll(base, "out/a", 0o770); !errors.Is(err, ErrEscapes) {
		t.Errorf("through a link that leads out: %v", err)
	}
}

// One goroutine keeps exchanging a folder for a link to a folder outside, as a hostile container would, while another
// one opens and makes folders through it. Nothing may ever appear or be opened outside.
func TestSwappedLinksWinNothing(t *testing.T) {
	base, dir := openBase(t)
	outside := t.TempDir()
	mine, evil := filepath.Join(dir, "d"), filepath.Join(dir, "evil")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, outside, evil)
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Rename(mine, mine+"-away")
				_ = os.Rename(evil, mine)
				_ = os.Rename(mine, evil)
				_ = os.Rename(mine+"-away", mine)
			}
		}
	})
	var outsideStat syscall.Stat_t
	if err := syscall.Stat(outside, &outsideStat); err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		for _, open := range []func() (*os.File, error){
			func() (*os.File, error) { return Open(base, "d") },
			func() (*os.File, error) { return MkdirAll(base, "d/x", 0o755) },
		} {
			file, err := open()
			if err != nil {
				continue
			}
			var stat syscall.Stat_t
			if err := syscall.Fstat(int(file.Fd()), &stat); err == nil && stat.Ino == outsideStat.Ino && stat.Dev == outsideStat.Dev {
				t.Error("the folder outside was opened")
			}
			file.Close()
		}
	}
	close(stop)
	swapper.Wait()
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("outside there is now %v", entries)
	}
}

func TestRemoveAll(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	deep := filepath.Join(dir, "pod", strings.Repeat("d/", 100))
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(outside, "x")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link(t, outside, filepath.Join(deep, "link"))
	link(t, outside, filepath.Join(dir, "toplink"))
	for _, name := range []string{"pod", "toplink", "gone"} {
		if err := RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("outside: %v", err)
	}
}
