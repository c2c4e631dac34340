package histories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// Variables that make the test program the process that is killed: its folder, and when.
const (
	serverDir   = "COXSWAIN_TEST_SERVER_DIR"
	serverPoint = "COXSWAIN_TEST_SERVER_POINT"
)

// points at which the process ends.
const (
	never            = "never"
	beforeCommit     = "before a commit"
	duringCommit     = "during a commit"
	afterCommit      = "after a commit, before its answer"
	duringCompaction = "during a compaction"
	afterCompaction  = "after a compaction"
	whenDiskIsFull   = "when the disk is full"
)

// What was acknowledged stays, and what was not is whole or not there, wherever the process is killed: one history goes
// through all the deaths.
func TestKilledServerIsLinearizable(t *testing.T) {
	if dir := os.Getenv(serverDir); dir != "" {
		serve(t, dir, os.Getenv(serverPoint))
		return
	}
	t.Parallel()
	repeat(t, func() {
		dir, h := t.TempDir(), newHistory()
		for _, point := range []string{beforeCommit, duringCommit, afterCommit, duringCompaction, afterCompaction, whenDiskIsFull, never} {
			h.die(t, dir, point)
		}
		h.check(t)
	})
}

// die has clients talk to a new process on the folder until it ends.
func (h *history) die(t *testing.T, dir, point string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKilledServerIsLinearizable$")
	child.Env = append(os.Environ(), serverDir+"="+dir, serverPoint+"="+point)
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out strings.Builder
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	called := dial(t, filepath.Join(dir, "socket"), &out)
	h.settle(h.pending)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	if point == never {
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	}
	defer cancel()
	before := h.answered.Load()
	h.pending = h.run(ctx, called)
	if point == never {
		_ = child.Process.Kill()
	}
	err := child.Wait()
	if ended := len(h.pending) == clients; ended != (point != never) {
		t.Fatalf("%s: %d of %d clients lost an answer\n%s", point, len(h.pending), clients, out.String())
	}
	t.Logf("%s: %d answers, then %v", point, h.answered.Load()-before, err)
}

// dial returns when the process answers.
func dial(t *testing.T, socket string, out fmt.Stringer) *caller {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-again.C {
		if c, err := rpc.Dial("unix", socket); err == nil {
			t.Cleanup(func() { c.Close() })
			return &caller{c}
		}
	}
	t.Fatalf("the process does not answer\n%s", out)
	return nil
}

// caller is a machine in another process.
type caller struct{ *rpc.Client }

func (c *caller) do(_ context.Context, r request) (a answer, err error) {
	asked, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	var told []byte
	if err := c.Call("Callee.Do", asked, &told); err != nil {
		return a, err
	}
	return a, json.Unmarshal(told, &a)
}

// Callee is what it calls.
type Callee struct{ server *server }

// Do is called by its name.
func (c *Callee) Do(asked []byte, told *[]byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var r request
	if err := json.Unmarshal(asked, &r); err != nil {
		return err
	}
	a, err := c.server.do(ctx, r)
	if err != nil {
		return err
	}
	*told, err = json.Marshal(a)
	return err
}

// serve is the process that is killed.
func serve(t *testing.T, dir, point string) {
	socket := filepath.Join(dir, "socket")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	mortal := &mortal{Store: embed(t, etcd.Config{Dir: filepath.Join(dir, "etcd")}), point: point}
	s, err := newServer(t.Context(), mortal)
	if err != nil {
		t.Fatal(err)
	}
	answering := rpc.NewServer()
	if err := answering.RegisterName("Callee", &Callee{server: s}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go mortal.compactAndFill(t, s)
	answering.Accept(l)
}

// mortal kills the process in the midst of what it does.
type mortal struct {
	storage.Store
	point   string
	commits atomic.Int64
}

// enough commits lie before the death.
const enough = 150

func (m *mortal) Commit(ctx context.Context, ops ...storage.Op) (int64, error) {
	due := m.commits.Add(1) == enough
	switch {
	case due && m.point == beforeCommit:
		die()
	case due && m.point == duringCommit:
		go die()
	}
	revision, err := m.Store.Commit(ctx, ops...)
	if due && m.point == afterCommit {
		die()
	}
	return revision, err
}

func (m *mortal) Compact(ctx context.Context, revision int64) error {
	due := m.commits.Load() > enough
	if due && m.point == duringCompaction {
		go die()
	}
	err := m.Store.Compact(ctx, revision)
	if due && m.point == afterCompaction {
		die() // what was compacted is still being removed
	}
	return err
}

func die() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }

// maxFile is above the size of etcd's log, which it allocates at once.
const maxFile = 80 << 20

// compactAndFill goes on until the process dies. A full disk is one on which no file grows any more.
func (m *mortal) compactAndFill(t *testing.T, s *server) {
	fill := m.point == whenDiskIsFull
	if fill {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: maxFile, Max: maxFile}); err != nil {
			t.Error(err)
			return
		}
	}
	for n := 0; ; n++ {
		if err := m.Compact(t.Context(), s.cache.Revision()); err != nil && !errors.Is(err, storage.ErrFuture) {
			t.Errorf("compacting: %v", err)
		}
		if !fill {
			continue
		}
		op := storage.Op{Key: fmt.Sprintf("/registry/filling/%d", n), Value: make([]byte, 1<<20), Expected: anyRevision}
		if _, err := m.Store.Commit(t.Context(), op); err != nil {
			t.Errorf("filling the disk: %v", err)
		}
	}
}
