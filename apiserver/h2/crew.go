package h2

import "sync"

// maxIdle bounds the goroutines that wait for requests. What is committed together is answered together: as many rest at one moment.
const maxIdle = 64

// crew are goroutines that run handlers. One whose handler has ended takes the next request, on a stack that has grown already: a new
// one is copied each time that it doubles, which was a tenth of what a call takes. They have ended when no connection is open. The zero
// value is ready.
type crew struct {
	mu    sync.Mutex
	idle  []chan *stream // the last one first
	conns int
	hands *sync.WaitGroup // the goroutines, since the first of conns
}

func (w *crew) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns++; w.conns == 1 {
		w.hands = &sync.WaitGroup{}
	}
}

// leave is called when the handlers of a connection have ended.
func (w *crew) leave() {
	if hands := w.dismiss(); hands != nil {
		hands.Wait()
	}
}

// dismiss returns whom to wait for, after the last connection.
func (w *crew) dismiss() *sync.WaitGroup {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns--; w.conns > 0 {
		return nil
	}
	for _, next := range w.idle {
		close(next)
	}
	hands := w.hands
	w.idle, w.hands = nil, nil
	return hands
}

// run serves a stream; it does not wait. Whose connection it is waits for the handler.
func (w *crew) run(st *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.idle) - 1; last >= 0 {
		w.idle[last] <- st
		w.idle = w.idle[:last]
		return
	}
	hands := w.hands
	hands.Go(func() { w.work(st, hands) })
}

func (w *crew) work(st *stream, hands *sync.WaitGroup) {
	next := make(chan *stream, 1)
	for ok := true; ok; st, ok = <-next {
		st.serve()
		if !w.rest(next, hands) {
			return
		}
	}
}

func (w *crew) rest(next chan *stream, hands *sync.WaitGroup) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hands != hands || len(w.idle) >= maxIdle {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}
