package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// container has a log of at most 100 bytes in a folder, of which there are four files at most.
func container(t *testing.T) (*Rotator, Log, *clocktesting.FakeClock) {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	one := Log{ID: "c1", Path: filepath.Join(t.TempDir(), "0.log")}
	return &Rotator{
		Clock: clock, MaxSize: 100, MaxFiles: 4, sizes: map[string]int64{},
		Running: func() []Log { return []Log{one, {ID: "c2", Path: one.Path + "/absent"}} },
		Reopen: func(_ context.Context, id string) error {
			if id != one.ID {
				t.Errorf("the log of %s is opened anew", id)
			}
			return os.WriteFile(one.Path, nil, 0o640)
		},
	}, one, clock
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// found is what is in the folder of the log: by each name what a file says, of a compressed one too.
func found(t *testing.T, one Log) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Dir(one.Path) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var in io.Reader = file
		if strings.HasSuffix(name, ".gz") {
			if in, err = gzip.NewReader(file); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = strings.TrimRight(string(text), ".")
	}
	return out
}

func full(text string) string { return text + strings.Repeat(".", 100) }

func TestRotation(t *testing.T) {
	r, one, clock := container(t)
	write(t, one.Path, "small")
	r.rotateDue(t.Context())
	if diff := cmp.Diff(map[string]string{"0.log": "small"}, found(t, one)); diff != "" {
		t.Error("a small log:", diff)
	}
	for _, text := range []string{"first", "second", "third", "fourth"} {
		write(t, one.Path, full(text))
		if !r.rotateDue(t.Context()) {
			t.Errorf("the %s log did not grow", text)
		}
		clock.Step(time.Second)
	}
	want := map[string]string{"0.log": "", "0.log.20260102-030406.gz": "second", "0.log.20260102-030407.gz": "third", "0.log.20260102-030408": "fourth"}
	if diff := cmp.Diff(want, found(t, one)); diff != "" {
		t.Error("of four logs the newest stay:", diff)
	}
}

func TestGrowthAfterARotation(t *testing.T) {
	r, one, _ := container(t)
	write(t, one.Path, full("much more than will be in the next one"))
	r.rotateDue(t.Context())
	if r.rotateDue(t.Context()) {
		t.Error("the new log grew before anything was written to it")
	}
	write(t, one.Path, "some of the next")
	if !r.rotateDue(t.Context()) {
		t.Error("the new log did not grow: what was in the old one is counted")
	}
	if r.Running = func() []Log { return nil }; r.rotateDue(t.Context()) || len(r.sizes) != 0 {
		t.Errorf("of no container there are %v", r.sizes)
	}
}

func TestCompressionThatWasCutShort(t *testing.T) {
	r, one, _ := container(t)
	write(t, one.Path, full("now"))
	write(t, one.Path+".20260101-000000", "before")
	write(t, one.Path+".20260101-000000.tmp", "half of what was before")
	if err := r.rotate(t.Context(), one); err != nil {
		t.Error(err)
	}
	want := map[string]string{"0.log": "", "0.log.20260101-000000.gz": "before", "0.log.20260102-030405": "now"}
	if diff := cmp.Diff(want, found(t, one)); diff != "" {
		t.Error(diff)
	}
}

func TestLogThatCannotBeOpenedAnew(t *testing.T) {
	r, one, _ := container(t)
	write(t, one.Path, full("now"))
	r.Reopen = func(context.Context, string) error { return errors.New("the runtime is away") }
	if err := r.rotate(t.Context(), one); err == nil {
		t.Error("it is rotated")
	}
	if diff := cmp.Diff(map[string]string{"0.log": "now"}, found(t, one)); diff != "" {
		t.Error("the runtime writes to another file than the log:", diff)
	}
}

func TestRotatorEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, one, _ := container(t)
		r.Clock = clock.RealClock{} // the bubble's
		write(t, one.Path, full("now"))
		ctx, cancel := context.WithCancel(t.Context())
		reopened, ended := make(chan struct{}, 1), make(chan error, 1)
		reopen := r.Reopen
		r.Reopen = func(ctx context.Context, id string) error {
			defer func() { reopened <- struct{}{} }()
			return reopen(ctx, id)
		}
		go func() { ended <- r.Run(ctx) }()
		<-reopened
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A log whose compressed form cannot take its place stays: it was removed all the same.
func TestLogStaysWhereItsCompressedFormCannot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log.20260102-030405")
	write(t, path, "precious")
	if err := os.Mkdir(path+".gz", 0o750); err != nil {
		t.Fatal(err)
	}
	if err := compress(path); err == nil {
		t.Error("it was compressed into a folder")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the log says %q: %v", text, err)
	}
}
