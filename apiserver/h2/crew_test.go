package h2

import (
	"sync/atomic"
	"testing"
)

// Goroutines without a request have ended when the last connection is closed, and those of later connections are not waited for.
func TestNobodyIsLeft(t *testing.T) {
	w := &crew{}
	for range 100 {
		w.join()
		hands := w.hands
		var running atomic.Int64
		for range 2 * maxIdle {
			running.Add(1)
			hands.Go(func() {
				defer running.Add(-1)
				next := make(chan *stream, 1)
				if w.rest(next, hands) {
					<-next
				}
			})
		}
		w.leave()
		if left := running.Load(); left > 0 || len(w.idle) > 0 {
			t.Fatalf("%d goroutines are left", left)
		}
		w.join()
		if w.rest(make(chan *stream, 1), hands) {
			t.Fatal("one of those before stays")
		}
		w.leave()
	}
}
