package etcd

import (
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

func TestEmbedStartsFast(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		start := time.Now()
		m, err := Embed(t.Context(), Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		ready := time.Since(start)
		for j := range 20 {
			s := time.Now()
			rev, err := m.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: []byte("v"), Expected: storage.Any})
			if err != nil {
				t.Fatal(err)
			}
			if j == 19 {
				t.Log("commit", rev, time.Since(s))
			}
		}
		start = time.Now()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("start %d: ready in %s, closed in %s", i, ready, time.Since(start))
	}
}
