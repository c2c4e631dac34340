package filters

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// timed is a server that is told to stop by the first request. It says how much time a request has, and with what it is refused.
type timed struct {
	*Chain
	refused string
	stop    context.CancelFunc
}

func newTimed() *timed {
	stopping, stop := context.WithCancel(context.Background())
	s := &timed{stop: stop}
	s.Chain = &Chain{RequestTimeout: time.Minute, Stopping: stopping, Refuse: func(_ http.ResponseWriter, _ *http.Request, err error) { s.refused = err.Error() }}
	return s
}

func (s *timed) left(t *testing.T, url string) time.Duration {
	t.Helper()
	s.refused = ""
	var got time.Duration
	s.serve(url, func(_ http.ResponseWriter, r *http.Request) {
		if deadline, ok := r.Context().Deadline(); ok {
			got = time.Until(deadline)
		}
		if s.stop(); r.Context().Err() != nil {
			t.Errorf("%s: ended with the server", url)
		}
	})
	return got
}

func (s *timed) serve(url string, handler http.HandlerFunc) {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	s.bound(handler).ServeHTTP(httptest.NewRecorder(), r.WithContext(request.With(r.Context(), request.Parse(r))))
}

func TestRequestsHaveTheTimeThatTheyAskFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTimed()
		for url, want := range map[string]time.Duration{
			"/api/v1/pods": time.Minute, "/api/v1/pods?timeout=10s": 10 * time.Second, "/api/v1/pods?timeout=10m": time.Minute,
			"/api/v1/pods?timeout=0": time.Minute, "/api/v1/pods?timeout=-1s": time.Minute, "/api/v1/pods?timeout=": time.Minute,
			"/api/v1/pods?watch=1": 0, "/api/v1/pods?watch=1&timeout=1s": 0,
		} {
			if got := s.left(t, url); got != want || s.refused != "" {
				t.Errorf("%s: %s, want %s %s", url, got, want, s.refused)
			}
		}
		// What lasts and is no watch ends with the server.
		s.serve("/api/v1/namespaces/a/pods/x/log?follow=1", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Second):
				t.Error("a log goes on when the server ends")
			}
		})
	})
}

func TestRequestsWithoutTimeAreRefused(t *testing.T) {
	for url, want := range map[string]string{
		"/api/v1/pods?timeout=abc": `invalid timeout specified in the request URL - time: invalid duration "abc"`,
		"/api/v1/pods?timeout=1ns": "Timeout: request did not complete within the allotted timeout",
	} {
		s := newTimed()
		if s.left(t, url); s.refused != want {
			t.Errorf("%s is refused with %q", url, s.refused)
		}
	}
}

func TestSomeClientsAreSentAway(t *testing.T) {
	c := &Chain{GoawayChance: 1}
	handler := c.goaway(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for major, want := range map[int]string{1: "", 2: "close"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor = major
		handler.ServeHTTP(w, r)
		if got := w.Header().Get("Connection"); got != want {
			t.Errorf("HTTP/%d: %q", major, got)
		}
	}
}

// A watch whose answer does not begin has its seat no longer than other requests; then it may last.
func TestWatchBeginsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Chain{RequestTimeout: time.Minute}
		watch := func(handler http.HandlerFunc) time.Duration {
			from := time.Now()
			r := httptest.NewRequest(http.MethodGet, "/api/v1/pods?watch=1", nil)
			c.bound(handler).ServeHTTP(httptest.NewRecorder(), r.WithContext(request.With(r.Context(), request.Parse(r))))
			return time.Since(from)
		}
		took := watch(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			if cause := context.Cause(r.Context()); !errors.Is(cause, context.DeadlineExceeded) {
				t.Errorf("it ends because of %v", cause)
			}
		})
		if took != time.Minute {
			t.Errorf("a watch that does not begin ends after %s", took)
		}
		took = watch(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			select {
			case <-r.Context().Done():
			case <-time.After(time.Hour):
			}
		})
		if took != time.Hour {
			t.Errorf("a watch that has begun ends after %s", took)
		}
	})
}
