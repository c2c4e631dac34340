package crilog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/pairs"
)

func i64(n int64) *int64 { return &n }

func TestGolden(t *testing.T) {
	cases := map[string]Options{
		"all":        {},
		"tail0":      {Tail: i64(0)},
		"tail1":      {Tail: i64(1)},
		"tail2":      {Tail: i64(2)},
		"tail100":    {Tail: i64(100)},
		"tailerr":    {Tail: i64(1), Stream: "stderr"},
		"stdout":     {Stream: "stdout"},
		"timestamps": {Timestamps: true},
		"since":      {Since: time.Date(2026, 1, 2, 3, 4, 7, 0, time.UTC), Timestamps: true},
		"limit":      {LimitBytes: i64(11)},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Read(context.Background(), "testdata/container.log", options, &out, func() {}); err != nil {
				t.Fatal(err)
			}
			pairs.Check(t, filepath.Join("testdata", name+".golden"), out.Bytes())
		})
	}
}

func TestTailAcrossBlocks(t *testing.T) {
	var log bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&log, "2026-01-02T03:04:05.000000000Z stdout F line %d %s\n", i, strings.Repeat("x", i%97))
	}
	start, err := tailStart(bytes.NewReader(log.Bytes()), int64(log.Len()), 3000, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(log.Bytes()[start:][:60]); !strings.Contains(got, "line 2000 ") {
		t.Errorf("tail starts at %q", got)
	}
}

// following is a Read that runs and what it has written.
type following struct {
	t     *testing.T
	path  string
	pipe  *io.PipeReader
	ended chan struct{}
	done  chan error
}

func follow(ctx context.Context, t *testing.T) *following {
	f := &following{t: t, path: filepath.Join(t.TempDir(), "0.log"), ended: make(chan struct{}), done: make(chan error, 1)}
	f.append(f.path, "one\n")
	reader, writer := io.Pipe()
	f.pipe = reader
	go func() {
		f.done <- Read(ctx, f.path, Options{Ended: f.ended}, writer, func() {})
		writer.Close()
	}()
	return f
}

func (f *following) append(path, text string) {
	f.t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	fmt.Fprint(file, "2026-01-02T03:04:05.000000000Z stdout F ", text)
}

func (f *following) expect(want string) {
	f.t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(f.pipe, got); err != nil || string(got) != want {
		f.t.Fatalf("followed %q, %v; want %q", got, err, want)
	}
}

func TestFollowAcrossRotationUntilTheEnd(t *testing.T) {
	f := follow(context.Background(), t)
	f.expect("one\n")
	f.append(f.path, "two\n")
	f.expect("two\n")
	old := f.path + ".20260102-030405"
	if err := os.Rename(f.path, old); err != nil {
		t.Fatal(err)
	}
	f.append(old, "three\n") // the runtime has not reopened the log yet
	f.append(f.path, "four\n")
	f.expect("three\nfour\n")
	f.append(f.path, "five\n")
	close(f.ended)
	f.expect("five\n")
	if rest, _ := io.ReadAll(f.pipe); len(rest) != 0 {
		t.Errorf("more came: %q", rest)
	}
	if err := <-f.done; err != nil {
		t.Error(err)
	}
}

func TestFollowEndsWithItsReader(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := follow(ctx, t)
	f.expect("one\n")
	cancel()
	if err := <-f.done; err == nil {
		t.Error("no error says that reading was cut short")
	}
}
