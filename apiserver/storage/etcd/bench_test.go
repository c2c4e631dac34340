package etcd_test

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// BenchmarkCommit updates 1 KiB values with fsync on, each writer its own key.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			m := embed(b, etcd.Config{})
			value := bytes.Repeat([]byte("x"), 1024)
			var id, left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan error, writers)
			b.ResetTimer()
			for range writers {
				go func() {
					key := fmt.Sprintf("/registry/things/%d", id.Add(1))
					var revision int64
					var err error
					for left.Add(-1) >= 0 && err == nil {
						revision, err = m.Commit(b.Context(), storage.Op{Key: key, Value: value, Expected: revision})
					}
					done <- err
				}()
			}
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkStart starts and stops a member on a fresh folder.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		m := embed(b, etcd.Config{})
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitToWatch is the time from a commit to its event.
func BenchmarkCommitToWatch(b *testing.B) {
	m := embed(b, etcd.Config{})
	events := make(chan time.Time, 1)
	go func() {
		_ = m.Watch(b.Context(), storage.Root, 1, func([]storage.Event, int64) error {
			events <- time.Now()
			return nil
		})
	}()
	var total time.Duration
	for b.Loop() {
		if _, err := m.Commit(b.Context(), storage.Op{Key: "/registry/x", Value: []byte("v"), Expected: storage.Any}); err != nil {
			b.Fatal(err)
		}
		acknowledged := time.Now()
		total += max(0, (<-events).Sub(acknowledged))
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns-after-ack/op")
}
