package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

const deadline = time.Minute

// decode makes a ConfigMap whose one value is the stored one. "bad" cannot be decoded.
func decode(value []byte, revision int64) (runtime.Object, error) {
	if strings.HasPrefix(string(value), "bad") {
		return nil, errors.New("bad value")
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: strconv.FormatInt(revision, 10)},
		Data:       map[string]string{"v": string(value)},
	}, nil
}

func valueOf(e *Entry) string { return e.Object.(*corev1.ConfigMap).Data["v"] }

func things(limits Limits) Kind {
	return Kind{
		Name: "things", Prefix: "/registry/things/", Namespaced: true, Decode: decode, Limits: limits,
		Route: func(obj runtime.Object) string { return obj.(*corev1.ConfigMap).Data["v"][:1] },
	}
}

func thing(name string) string { return "/registry/things/" + name }

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func openStore(t testing.TB) storage.Store {
	t.Helper()
	m, err := etcd.Embed(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// run runs a cache until the end of the test.
func run(t testing.TB, c *Cache) *Cache {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running the cache: %v", err)
		}
	})
	select {
	case <-c.Ready():
	case <-time.After(deadline):
		t.Fatal("the cache is not ready")
	}
	return c
}

// filled is a running cache of things on a store.
func filled(t testing.TB, limits Limits) (storage.Store, *Cache, *Resource) {
	t.Helper()
	s := openStore(t)
	c := New(s)
	r := c.Add(things(limits))
	return s, run(t, c), r
}

func put(t testing.TB, s storage.Writer, name, value string) int64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), storage.Op{Key: thing(name), Value: []byte(value), Expected: storage.Any})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func remove(t testing.TB, s storage.Writer, name string) int64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), storage.Op{Key: thing(name), Expected: storage.Any})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func reach(t testing.TB, c *Cache, revision int64) {
	t.Helper()
	if err := c.WaitFor(within(t), revision); err != nil {
		t.Fatal(err)
	}
}

func watchWith(t testing.TB, r *Resource, o WatchOptions) *Watcher {
	t.Helper()
	w, err := r.Watch(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// next returns n events in short: "ADDED ns/a=1@5".
func next(t testing.TB, w *Watcher, n int) (out []string) {
	t.Helper()
	for len(out) < n {
		events, err := w.Next(within(t))
		if err != nil {
			t.Fatalf("after %v: %v", out, err)
		}
		for _, e := range events {
			out = append(out, brief(e))
		}
	}
	return out
}

func brief(e Event) string {
	if e.Entry == nil {
		return fmt.Sprintf("%s@%d %v", e.Type, e.Revision, e.InitialEnd)
	}
	version := e.Entry.Object.(*corev1.ConfigMap).ResourceVersion
	if version != strconv.FormatInt(e.Revision, 10) && e.Type != "ADDED" {
		return fmt.Sprintf("event at %d with resourceVersion %s", e.Revision, version)
	}
	return fmt.Sprintf("%s %s/%s=%s@%d", e.Type, e.Entry.Namespace, e.Entry.Name, valueOf(e.Entry), e.Entry.Revision)
}

func state(s Snapshot) map[string]string {
	out := map[string]string{}
	s.Ascend("", "", func(e *Entry) bool {
		out[e.Namespace+"/"+e.Name] = fmt.Sprintf("%s@%d", valueOf(e), e.Revision)
		return true
	})
	return out
}
