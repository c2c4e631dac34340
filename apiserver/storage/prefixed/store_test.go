package prefixed_test

import (
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/prefixed"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/storagetest"
)

func embed(t *testing.T) *etcd.Member {
	t.Helper()
	m, err := etcd.Embed(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestUnderAPrefix(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		return prefixed.Under("/mine/", embed(t))
	})
}

func TestPrefixesDoNotMeet(t *testing.T) {
	t.Parallel()
	all := embed(t)
	for _, prefix := range []string{"/registry", "/mine"} {
		s := prefixed.Under(prefix, all)
		if _, err := s.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: []byte(prefix)}); err != nil {
			t.Fatal(err)
		}
		if page, err := s.Range(t.Context(), storage.Range{Prefix: storage.Root}); err != nil || len(page.Records) != 1 || string(page.Records[0].Value) != prefix {
			t.Errorf("below %s: %+v, %v", prefix, page.Records, err)
		}
	}
	if r, err := all.Get(t.Context(), "/mine/x"); err != nil || string(r.Value) != "/mine" {
		t.Errorf("in etcd: %+v, %v", r, err)
	}
}
