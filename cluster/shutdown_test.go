package cluster

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

func TestShutdownCutsNobodyOff(t *testing.T) {
	const delay = 2 * time.Second
	options := alone(t.TempDir())
	options.ShutdownDelayDuration = metav1.Duration{Duration: delay}
	running, _ := started(t, options)
	transport, err := rest.TransportFor(running.Config)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) (*http.Response, error) {
		r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, running.Config.Host+path, nil)
		return transport.RoundTrip(r)
	}
	code := func(path string) (int, error) {
		response, err := ask(path)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return response.StatusCode, err
	}
	watch, err := ask("/api/v1/namespaces?watch=1&allowWatchBookmarks=1")
	if err != nil || watch.ProtoMajor != 2 {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var end error
	go func() {
		defer close(ended)
		for lines := bufio.NewReader(watch.Body); end == nil; {
			_, end = lines.ReadString('\n')
		}
	}()
	type answer struct {
		code int
		err  error
	}
	slow := make(chan answer, 1)
	go func() {
		got, err := code("/api/v1/namespaces?resourceVersion=999999999&timeout=2700ms")
		slow <- answer{got, err}
	}()
	if got, err := code("/readyz"); got != http.StatusOK {
		t.Fatalf("/readyz says %d: %v", got, err)
	}

	begin := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- running.Stop() }()
	for got := http.StatusOK; got == http.StatusOK; got, _ = code("/readyz") { // the end is told from another goroutine
		if time.Since(begin) > 30*time.Second {
			t.Fatal("/readyz does not tell that the server ends")
		}
	}
	if got, err := code("/api/v1/namespaces"); got != http.StatusOK && time.Since(begin) < delay { // later nobody is answered
		t.Errorf("in the delay a request is answered with %d: %v", got, err)
	}
	select {
	case <-ended:
		if time.Since(begin) < delay {
			t.Errorf("the watch ended in the delay: %v", end)
		}
	case <-time.After(delay / 3):
	}
	if got := <-slow; got.code != http.StatusGatewayTimeout {
		t.Errorf("what was under way is answered with %d: %v", got.code, got.err)
	}
	if <-ended; end != io.EOF {
		t.Errorf("the watch ended with %v", end)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
