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

func TestRequestsHaveTheTimeThatTheyAskFor(t *testing.T) {
	stopping, stop := context.WithCancel(context.Background())
	refused := ""
	c := &Chain{RequestTimeout: time.Minute, Stopping: stopping, Refuse: func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err.Error() }}
	left := func(url string) time.Duration {
		refused = ""
		var got time.Duration
		handler := c.bound(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if deadline, ok := r.Context().Deadline(); ok {
				got = time.Until(deadline).Round(time.Second)
			}
			if stop(); r.Context().Err() != nil {
				t.Errorf("%s: ended with the server", url)
			}
		}))
		r := httptest.NewRequest(http.MethodGet, url, nil)
		handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(request.With(r.Context(), request.Parse(r))))
		return got
	}
	for url, want := range map[string]time.Duration{
		"/api/v1/pods": time.Minute, "/api/v1/pods?timeout=10s": 10 * time.Second, "/api/v1/pods?timeout=10m": time.Minute,
		"/api/v1/pods?timeout=0": time.Minute, "/api/v1/pods?timeout=-1s": time.Minute, "/api/v1/pods?timeout=": time.Minute,
		"/api/v1/pods?watch=1": 0, "/api/v1/pods?watch=1&timeout=1s": 0,
	} {
		if got := left(url); got != want || refused != "" {
			t.Errorf("%s: %s, want %s %s", url, got, want, refused)
		}
	}
	if left("/api/v1/pods?timeout=abc"); refused != `invalid timeout specified in the request URL - time: invalid duration "abc"` {
		t.Errorf("refused with %q", refused)
	}
	if left("/api/v1/pods?timeout=1ns"); refused != "Timeout: request did not complete within the allotted timeout" {
		t.Errorf("a request without time is refused with %q", refused)
	}
	// What lasts and is no watch ends with the server.
	r := httptest.NewRequest(http.MethodGet, "/api/v1/namespaces/a/pods/x/log?follow=1", nil)
	c.bound(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(time.Second):
			t.Error("a log goes on when the server ends")
		}
	})).ServeHTTP(httptest.NewRecorder(), r.WithContext(request.With(r.Context(), request.Parse(r))))
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
