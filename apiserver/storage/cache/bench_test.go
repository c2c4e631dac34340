package cache

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// BenchmarkFanOut writes one object that 200 watchers watch, and counts the events they got.
func BenchmarkFanOut(b *testing.B) {
	const watchers = 200
	s, _, r := filled(b, Limits{})
	var all sync.WaitGroup
	for range watchers {
		w := watchWith(b, r, WatchOptions{Namespace: "ns", Name: "a"})
		all.Go(func() {
			for seen := 0; seen < b.N; {
				events, err := w.Next(b.Context())
				if err != nil {
					b.Error(err)
					return
				}
				seen += len(events)
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		put(b, s, "ns/a", "1")
	}
	all.Wait()
	b.ReportMetric(float64(b.N*watchers)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWriteThenRead is a commit and the wait until the cache has it.
func BenchmarkWriteThenRead(b *testing.B) {
	s, c, r := filled(b, Limits{})
	var waited time.Duration
	for b.Loop() {
		revision := put(b, s, "ns/a", "1")
		start := time.Now()
		if err := c.WaitFor(b.Context(), revision); err != nil {
			b.Fatal(err)
		}
		waited += time.Since(start)
		r.Get("ns", "a")
	}
	b.ReportMetric(float64(waited.Nanoseconds())/float64(b.N), "ns-waiting/op")
}

// BenchmarkLoad starts a cache on 10,000 objects.
func BenchmarkLoad(b *testing.B) {
	s := openStore(b)
	for i := 0; i < 10000; i += storage.MaxOps {
		var ops []storage.Op
		for j := i; j < min(10000, i+storage.MaxOps); j++ {
			ops = append(ops, storage.Op{Key: thing(fmt.Sprintf("ns/%05d", j)), Value: make([]byte, 1024)})
		}
		if _, err := s.Commit(b.Context(), ops...); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		c := New(s)
		c.Add(things(Limits{}))
		run(b, c)
	}
}
