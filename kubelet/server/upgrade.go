package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

const (
	dialTimeout = 10 * time.Second
	// maxErrorBody is how much of a refused upgrade's explanation is passed on.
	maxErrorBody = 1 << 20
)

// refused is the runtime's answer when it did not switch protocols.
type refused struct {
	code int
	body []byte
}

func (e *refused) Error() string {
	return fmt.Sprintf("the container runtime refused to upgrade: %d %s", e.code, e.body)
}

// bufferedConn is a connection of which some bytes have been read ahead.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(data []byte) (int, error) { return c.reader.Read(data) }

// dialUpgrade opens a connection to the runtime's streaming server and switches its protocol. The connection is closed
// unless that succeeds, and when ctx ends. A redirect is an answer like any other refusal: it is never followed.
func dialUpgrade(ctx context.Context, method, target string, header http.Header) (*bufferedConn, *http.Response, error) {
	location, err := url.Parse(target)
	if err != nil || location.Scheme != "http" || location.Host == "" {
		return nil, nil, fmt.Errorf("the container runtime's streaming URL is not a plain http one: %q", target)
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", location.Host)
	if err != nil {
		return nil, nil, fmt.Errorf("dialing the container runtime: %w", err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	switched, response, err := requestUpgrade(conn, method, location, header)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return switched, response, nil
}

func requestUpgrade(conn net.Conn, method string, location *url.URL, header http.Header) (*bufferedConn, *http.Response, error) {
	request := &http.Request{Method: method, URL: location, Host: location.Host, Header: header, ProtoMajor: 1, ProtoMinor: 1}
	if err := request.Write(conn); err != nil {
		return nil, nil, fmt.Errorf("asking the container runtime to upgrade: %w", err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the container runtime's answer: %w", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		defer response.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
		return nil, nil, &refused{response.StatusCode, body}
	}
	return &bufferedConn{conn, reader}, response, nil
}

// refuse passes the runtime's refusal on. A redirect would lead the API server elsewhere, so it becomes a 502.
func refuse(w http.ResponseWriter, err error) {
	answer, ok := err.(*refused)
	if !ok {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if answer.code < 400 {
		http.Error(w, fmt.Sprintf("the container runtime answered an upgrade with %d", answer.code), http.StatusBadGateway)
		return
	}
	w.WriteHeader(answer.code)
	_, _ = w.Write(answer.body)
}

// upgradeHeaders are the request headers that matter to the runtime; nobody's credentials are among them.
var upgradeHeaders = []string{
	"Connection", "Upgrade", "X-Stream-Protocol-Version",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions", "Origin",
}

// proxyUpgrade gives the client's request to the runtime and then only copies bytes, both ways.
func (s *Server) proxyUpgrade(w http.ResponseWriter, r *http.Request, target string) {
	s.streams.Add(1)
	defer s.streams.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	header := http.Header{}
	for _, name := range upgradeHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			header[http.CanonicalHeaderKey(name)] = values
		}
	}
	runtime, response, err := dialUpgrade(ctx, r.Method, target, header)
	if err != nil {
		refuse(w, err)
		return
	}
	defer runtime.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, fmt.Errorf("taking the connection over: %w", err))
		return
	}
	defer client.Close()
	context.AfterFunc(ctx, func() { client.Close() })
	_ = client.SetDeadline(time.Time{})
	if err := response.Write(client); err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("Answering an upgrade failed", "error", err.Error())
		return
	}
	splice(runtime, &bufferedConn{client, buffered.Reader})
}

// splice copies between two connections until either ends, and then closes both.
func splice(a, b io.ReadWriteCloser) {
	var both sync.WaitGroup
	pass := func(to, from io.ReadWriteCloser) {
		_, _ = io.Copy(to, from) // an end or an error on either side ends both
		a.Close()
		b.Close()
	}
	both.Go(func() { pass(a, b) })
	both.Go(func() { pass(b, a) })
	both.Wait()
}
