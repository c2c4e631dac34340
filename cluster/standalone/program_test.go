package standalone

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
)

// A program that starts before its API server, without election, waits for it and does not end.
func TestWaitsForTheServer(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	p := &Program{}
	asks := int32(0)
	lead, err := p.turn(&rest.Config{Host: server.URL}, func(context.Context) error {
		asks = asked.Load()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lead(t.Context()); err != nil || asks != 2 {
		t.Errorf("after %d requests it led: %v", asks, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asks = 0
	if err := lead(ctx); err != nil || asks != 0 {
		t.Errorf("told to end it led after %d requests: %v", asks, err)
	}
}
