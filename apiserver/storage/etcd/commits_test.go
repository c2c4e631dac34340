package etcd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// What is written is in the database a moment later, however rarely etcd itself looks.
func TestWritesAreCommittedSoon(t *testing.T) {
	m := embed(t, etcd.Config{Dir: t.TempDir(), Settings: map[string]string{"backend-batch-interval": "24h"}})
	value := []byte(strings.Repeat("v", 1<<20))
	for _, name := range []string{"a", "b"} { // the second starts anew
		before := m.Status().InUse
		if _, err := m.Commit(t.Context(), storage.Op{Key: storage.Root + "tests/" + name, Value: value}); err != nil {
			t.Fatal(err)
		}
		look := time.NewTicker(10 * time.Millisecond)
		defer look.Stop()
		for late := time.After(time.Minute); m.Status().InUse < before+int64(len(value)/2); { // what was freed before may be fewer pages
			select {
			case <-look.C:
			case <-late:
				t.Fatalf("%s: %d bytes are in use, %d before", name, m.Status().InUse, before)
			}
		}
	}
}
