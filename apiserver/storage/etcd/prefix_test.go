package etcd_test

import (
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/storagetest"
)

func TestUnderAPrefix(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Store {
		return etcd.Under("/mine/", embed(t, etcd.Config{UnsafeNoFsync: true}))
	})
}

func TestPrefixesDoNotMeet(t *testing.T) {
	t.Parallel()
	all := embed(t, etcd.Config{UnsafeNoFsync: true})
	for _, prefix := range []string{"/registry", "/mine"} {
		s := etcd.Under(prefix, all)
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
