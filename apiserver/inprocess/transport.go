package inprocess

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Transport is an http.RoundTripper that calls a handler in memory, without sockets, as one user. Answers stream: a
// watch delivers as the handler writes. Only a write is answered when all of its answer is there, for that is short: it
// needs no goroutine of its own then.
type Transport struct {
	Handler http.Handler
	// User is who calls; nil leaves it to the request's context.
	User user.Info
	// UserAgent of requests that name none: managed fields are its first word's.
	UserAgent string
}

var _ http.RoundTripper = &Transport{}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if t.User != nil {
		ctx = auth.WithUser(ctx, t.User)
	}
	inner := r.Clone(ctx)
	if t.UserAgent != "" && inner.Header.Get("User-Agent") == "" {
		inner.Header.Set("User-Agent", t.UserAgent)
	}
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	inner.RequestURI = r.URL.RequestURI()
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	inner.RemoteAddr = "127.0.0.1:0"
	if isWrite(r) {
		return t.call(r, inner)
	}
	return t.stream(r, inner)
}

// stream answers as soon as the handler does, which goes on meanwhile.
func (t *Transport) stream(r, inner *http.Request) (*http.Response, error) {
	ctx, p := r.Context(), newPipe()
	answer := &memoryResponse{header: http.Header{}, pipe: p, started: make(chan struct{})}
	stop := context.AfterFunc(ctx, p.abandon) // nobody waits for a reader that has given up
	go func() {
		defer stop()
		defer func() {
			if problem := recover(); problem != nil {
				p.fail(http.ErrAbortHandler)
				answer.start(http.StatusInternalServerError)
			}
		}()
		t.Handler.ServeHTTP(answer, inner)
		answer.start(http.StatusOK)
		_ = inner.Body.Close()
		p.fail(io.EOF)
	}()
	select {
	case <-answer.started:
	case <-ctx.Done():
		p.abandon()
		return nil, ctx.Err()
	}
	return &http.Response{
		Status: http.StatusText(answer.code), StatusCode: answer.code, Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: answer.sent, Body: &memoryBody{pipe: p, done: ctx.Done()}, ContentLength: -1, Request: r,
	}, nil
}

// memoryResponse is the handler's side.
type memoryResponse struct {
	header  http.Header
	pipe    *pipe
	once    sync.Once
	started chan struct{}
	code    int
	sent    http.Header
}

// Header implements http.ResponseWriter.
func (m *memoryResponse) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *memoryResponse) WriteHeader(code int) { m.start(code) }

func (m *memoryResponse) start(code int) {
	m.once.Do(func() {
		m.code, m.sent = code, m.header.Clone()
		close(m.started)
	})
}

// Write implements http.ResponseWriter.
func (m *memoryResponse) Write(data []byte) (int, error) {
	m.start(http.StatusOK)
	return m.pipe.write(data)
}

// Flush implements http.Flusher: what is written can be read at once.
func (m *memoryResponse) Flush() { m.start(http.StatusOK) }

// maxPiped is how far a handler may be ahead of its reader.
const maxPiped = 1 << 20

// errAbandoned reads as that of any closed connection: a client that has ended a watch takes it for the end, and no failure to tell of.
var errAbandoned = fmt.Errorf("the reader of the answer is gone: %w", net.ErrClosed)

// pipe is a buffer with one writer and one reader; a writer that is too far ahead waits.
type pipe struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced on every change
	data     bytes.Buffer
	err      error // the reader's, after data
	deserted bool
}

func newPipe() *pipe { return &pipe{changed: make(chan struct{})} }

func (p *pipe) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pipe) write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.data.Len() > maxPiped && !p.deserted {
		changed := p.changed
		p.mu.Unlock()
		<-changed
		p.mu.Lock()
	}
	if p.deserted {
		return 0, errAbandoned
	}
	p.data.Write(data)
	p.signal()
	return len(data), nil
}

func (p *pipe) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
		p.signal()
	}
}

func (p *pipe) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.deserted {
		p.deserted = true
		p.signal()
	}
}

// memoryBody is the client's side.
type memoryBody struct {
	pipe *pipe
	done <-chan struct{}
}

// Read implements io.Reader.
func (b *memoryBody) Read(into []byte) (int, error) {
	p := b.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.data.Len() == 0 && p.err == nil && !p.deserted {
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-b.done:
			p.abandon()
		}
		p.mu.Lock()
	}
	if p.data.Len() > 0 {
		wasFull := p.data.Len() > maxPiped
		n, err := p.data.Read(into)
		if wasFull {
			p.signal()
		}
		return n, err
	}
	if p.err != nil {
		return 0, p.err
	}
	return 0, errAbandoned
}

// Close implements io.Closer.
func (b *memoryBody) Close() error {
	b.pipe.abandon()
	return nil
}
