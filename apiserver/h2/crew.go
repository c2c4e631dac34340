package h2

import "sync"

// maxIdle bounds the goroutines that wait for requests.
const maxIdle = 16

// crew are goroutines that run handlers. One whose handler has ended takes the next request, on a stack that has grown already: a new
// one is copied each time that it doubles, which was a tenth of what a call takes. They end when no connection is open. The zero value is ready.
type crew struct {
	mu    sync.Mutex
	idle  []chan *stream // the last one first
	conns int
}

func (w *crew) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns++
}

func (w *crew) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns--; w.conns > 0 {
		return
	}
	for _, next := range w.idle {
		close(next)
	}
	w.idle = nil
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
	go w.work(st)
}

func (w *crew) work(st *stream) {
	next := make(chan *stream, 1)
	for ok := true; ok; st, ok = <-next {
		st.serve()
		if !w.rest(next) {
			return
		}
	}
}

func (w *crew) rest(next chan *stream) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == 0 || len(w.idle) >= maxIdle {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}
