package load

import (
	"slices"
	"sync"
	"time"
)

// Times that were measured, sorted.
type Times []time.Duration

// Percentile of the times, 0 when there is none.
func (t Times) Percentile(p int) time.Duration {
	if len(t) == 0 {
		return 0
	}
	return t[min(len(t)-1, len(t)*p/100)]
}

// Sorted turns measured times into Times.
func Sorted(all []time.Duration) Times {
	slices.Sort(all)
	return all
}

// Result of calls that were repeated.
type Result struct {
	// Rate is how many were done in a second.
	Rate float64
	// Took is how long each has taken.
	Took Times
	// CPU of the servers for all of them, where it was asked for.
	CPU time.Duration
	// ClientCPU is that of this process, as far as CPU is told.
	ClientCPU time.Duration
}

// Repeat does something for 0 to objects-1, by so many workers at the same time. The first error ends it.
func Repeat(workers, objects int, do func(i int) error) (Result, error) {
	var (
		working sync.WaitGroup
		mu      sync.Mutex
		failure error
	)
	next := make(chan int)
	failed := make(chan struct{})
	took := make([]time.Duration, objects)
	started := time.Now()
	for range workers {
		working.Go(func() {
			for i := range next {
				before := time.Now()
				err := do(i)
				took[i] = time.Since(before)
				if err == nil {
					continue
				}
				mu.Lock()
				if failure == nil {
					failure = err
					close(failed)
				}
				mu.Unlock()
				return
			}
		})
	}
	hand(objects, next, failed)
	working.Wait()
	if failure != nil {
		return Result{}, failure
	}
	return Result{Rate: float64(objects) / time.Since(started).Seconds(), Took: Sorted(took)}, nil
}

// hand gives out the numbers below objects until all are taken or something failed.
func hand(objects int, next chan<- int, failed <-chan struct{}) {
	defer close(next)
	for i := range objects {
		select {
		case next <- i:
		case <-failed:
			return
		}
	}
}
