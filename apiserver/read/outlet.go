package read

import (
	"net/http"

	"github.com/coxswain-k8s/coxswain/apiserver/h2"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// outletOf finds the outlet below what others have put around it; nil where there is none, as over HTTP/1.1.
func outletOf(w http.ResponseWriter) h2.Outlet {
	for {
		if outlet, ok := w.(h2.Outlet); ok {
			return outlet
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = inner.Unwrap()
	}
}

// join has the events of a connection's watches leave together.
func (s *stream) join(watcher *cache.Watcher) {
	if s.outlet = outletOf(s.W); s.outlet != nil {
		circle := s.outlet.Common(func() any { return new(cache.Circle) })
		watcher.Join(circle.(*cache.Circle), s)
	}
}

// Take implements cache.Sink: it writes events, as long as that needs neither room nor anybody's answer. What it did not come to is left to run.
func (s *stream) Take(events []cache.Event) bool {
	for i := range events {
		s.taken = i
		if entry := events[i].Entry; entry != nil && !s.At.IsAtHand(entry) || s.send(&events[i]) != nil {
			return false
		}
		s.taken++
		if s.isFull() {
			return false
		}
	}
	if s.write() != nil || !s.outlet.Gather() {
		return false
	}
	s.taken = 0
	return true
}

// Send implements cache.Sink.
func (s *stream) Send() { s.outlet.Send() }
