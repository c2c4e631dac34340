package cluster

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// started is a control plane alone, and a client of its administrator.
func started(t *testing.T, change func(*Options)) (*Cluster, http.RoundTripper) {
	t.Helper()
	options := Default()
	options.DataDir, options.Disable = t.TempDir(), []string{Agent, Scheduler, Controllers}
	options.BindAddress, options.HTTPSListenPort = "127.0.0.1", 0
	change(&options)
	running, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	transport, err := rest.TransportFor(running.Config)
	if err != nil {
		t.Fatal(err)
	}
	return running, transport
}

func TestShutdownCutsNobodyOff(t *testing.T) {
	const delay = 2 * time.Second
	running, transport := started(t, func(o *Options) { o.ShutdownDelayDuration = metav1.Duration{Duration: delay} })
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

// CVE-2023-44487: requests that are taken back as soon as they are sent do not pile up.
func TestRapidResetIsBounded(t *testing.T) {
	var now, most atomic.Int64
	release := make(chan struct{})
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for n := now.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		<-release // a handler that does not notice
		now.Add(-1)
	})
	server := &http.Server{Handler: handler, HTTP2: http2Limits(), ErrorLog: log.New(io.Discard, "", 0), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	defer close(release)
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	go func() {
		for {
			frame, err := framer.ReadFrame()
			if goaway, ok := frame.(*http2.GoAwayFrame); ok && goaway.ErrCode == http2.ErrCodeEnhanceYourCalm {
				cut <- nil
				return
			}
			if err != nil {
				cut <- err
				return
			}
		}
	}()
	var block strings.Builder
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/version"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	for id := uint32(1); id < 20_000; id += 2 {
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte(block.String()), EndStream: true, EndHeaders: true}) != nil ||
			framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // the server has had enough
		}
	}
	if err := <-cut; err != nil {
		t.Logf("the connection ended with %v", err)
	}
	if got := most.Load(); got > int64(http2Limits().MaxConcurrentStreams) {
		t.Errorf("%d handlers ran at a time", got)
	}
}
