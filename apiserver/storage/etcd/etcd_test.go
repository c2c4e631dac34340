package etcd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/storagetest"
)

func embed(t testing.TB, config etcd.Config) *etcd.Member {
	t.Helper()
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	m, err := etcd.Embed(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store { return embed(t, etcd.Config{UnsafeNoFsync: true}) })
}

func TestConnected(t *testing.T) {
	t.Parallel()
	files := selfSigned(t)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		url := freeURL(t)
		embed(t, etcd.Config{ClientURLs: []string{url}, ClientTLS: files, UnsafeNoFsync: true})
		c, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: []string{url}, TLS: files})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	})
}

// Clients reach a member by its socket, whichever calls first, as they would by a port; when it closes they are let go, and the socket is gone.
func TestConnectedBySocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // an earlier one
		t.Fatal(err)
	}
	m := embed(t, etcd.Config{Dir: filepath.Join(dir, "etcd"), Socket: socket, UnsafeNoFsync: true})
	connect := func() *etcd.Client {
		c, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: []string{"unix://" + socket}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first, second := connect(), connect()
	if _, err := first.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if r, err := second.Get(t.Context(), "/registry/x"); err != nil || string(r.Value) != "1" {
		t.Errorf("read %q, %v", r.Value, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// A socket that nobody called is closed, too.
func TestSocketWithoutClients(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := embed(t, etcd.Config{Dir: filepath.Join(dir, "etcd"), Socket: filepath.Join(dir, "s"), UnsafeNoFsync: true})
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "s")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// fast measures until it takes less than a second: what waits for something never does, and on a busy machine all does at times.
func fast(t *testing.T, what string, measure func() time.Duration) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		took := measure()
		t.Logf("%s in %s", what, took)
		if took < time.Second {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s in %s: want milliseconds", what, took)
		}
	}
}

func TestStartAndCloseAreFast(t *testing.T) {
	var m *etcd.Member
	start := func(dir string) time.Duration {
		start := time.Now()
		m = embed(t, etcd.Config{Dir: dir})
		return time.Since(start)
	}
	stop := func() time.Duration {
		if _, err := m.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: []byte("v"), Expected: storage.Any}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	fast(t, "ready on a new folder", func() time.Duration { defer func() { stop() }(); return start(t.TempDir()) })
	used := t.TempDir()
	start(used)
	stop()
	fast(t, "ready on an old folder", func() time.Duration { defer func() { stop() }(); return start(used) })
	fast(t, "closed", func() time.Duration { start(used); return stop() })
}

func TestCloseDoesNotWaitForRemoteWatches(t *testing.T) {
	t.Parallel()
	fast(t, "closed", func() time.Duration { return closeWatched(t) })
}

// closeWatched measures how long it takes to close a member that is watched from within and without.
func closeWatched(t *testing.T) time.Duration {
	t.Helper()
	dir := t.TempDir()
	socket := "unix://" + filepath.Join(dir, "s")
	m := embed(t, etcd.Config{Dir: filepath.Join(dir, "d"), ClientURLs: []string{socket}})
	c, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: []string{socket}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	watching := make(chan struct{}, 100)
	ended := make(chan error, 2)
	for _, s := range []storage.Store{m, c} {
		go func() {
			ended <- s.Watch(ctx, storage.Root, 1, func([]storage.Event, int64) error {
				watching <- struct{}{}
				return nil
			})
		}()
	}
	if _, err := m.Commit(ctx, storage.Op{Key: "/registry/x", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	<-watching
	<-watching
	start := time.Now()
	m.Close()
	took := time.Since(start)
	if _, err := m.Commit(ctx, storage.Op{Key: "/registry/y", Value: []byte("v")}); err == nil {
		t.Error("a closed member took a write")
	}
	if err := m.Healthy(ctx); err == nil {
		t.Error("a closed member is healthy")
	}
	cancel()
	<-ended
	<-ended
	return took
}

func TestQuotaRefusesPutsAndTakesDeletions(t *testing.T) {
	t.Parallel()
	m := embed(t, etcd.Config{UnsafeNoFsync: true, Quota: 1 << 20})
	value := bytes.Repeat([]byte("x"), 64<<10)
	var err error
	for start := time.Now(); err == nil && time.Since(start) < time.Minute; { // what is in use is known with some delay
		_, err = m.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: value, Expected: storage.Any})
	}
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Fatalf("got %v, want %v", err, storage.ErrNoSpace)
	}
	revision, err := m.Commit(t.Context(), storage.Op{Key: "/registry/x", Expected: storage.Any})
	if err != nil {
		t.Fatalf("deleting: %v", err)
	}
	if err := m.Compact(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	err = storage.ErrNoSpace
	for start := time.Now(); err != nil && time.Since(start) < time.Minute; { // compaction goes on in the background
		if err := m.Defragment(); err != nil {
			t.Fatal(err)
		}
		_, err = m.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: value})
	}
	if err != nil {
		t.Errorf("writing after the compaction: %v", err)
	}
}

func TestSnapshotIsADatabaseAndItsSum(t *testing.T) {
	t.Parallel()
	m := embed(t, etcd.Config{UnsafeNoFsync: true})
	if _, err := m.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: []byte("needle")}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	db, sum := b.Bytes()[:b.Len()-sha256.Size], b.Bytes()[b.Len()-sha256.Size:]
	if want := sha256.Sum256(db); !bytes.Equal(sum, want[:]) {
		t.Error("the sum is wrong")
	}
	if len(db)%512 != 0 || !bytes.Contains(db, []byte("needle")) {
		t.Errorf("%d bytes without what was written", len(db))
	}
}

// It runs before the parallel tests, which do open sockets.
func TestNoSocketByDefault(t *testing.T) {
	m := embed(t, etcd.Config{UnsafeNoFsync: true})
	if got := m.Endpoints(); len(got) != 0 {
		t.Errorf("listens on %v", got)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, "socket:") {
			t.Errorf("has the socket %s", to)
		}
	}
}
