package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/h2"
)

// Drainer ends an HTTP server without cutting anybody off.
//
//	serving ──ctx ends──> leaving ──delay──> draining ──nothing under way──> closed
//	/readyz ok            fails             what lasts ends; the port is closed; slow clients get the rest
//
// In the delay, requests are served as before: whoever sends them is given time to learn that this server goes.
type Drainer struct {
	// Delay is how long to go on serving after /readyz has said that the server ends.
	Delay time.Duration
	// Patience bounds the wait for what is under way.
	Patience time.Duration
	// EndLasting ends watches and what else lasts.
	EndLasting context.CancelFunc

	http2     h2.Server
	underWay  tally // requests
	unsent    tally // answers of HTTP/1.1 that are not sent to their end, those among underWay too
	mu        sync.Mutex
	answering map[net.Conn]bool // connections of HTTP/1.1 that are counted by unsent
}

// attend has a server tell of its requests and connections. It is called before the server serves.
func (d *Drainer) attend(server *http.Server) {
	d.answering = map[net.Conn]bool{}
	server.Handler = d.counted(server.Handler)
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connection{}, c) }
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if state != http.StateNew && state != http.StateActive {
			d.setAnswering(c, false)
		}
	}
}

// connection is the key of a request's connection.
type connection struct{}

// counted keeps count of what is under way.
func (d *Drainer) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.underWay.add(1)
		defer d.underWay.add(-1)
		if r.ProtoMajor == 1 {
			if c, ok := r.Context().Value(connection{}).(net.Conn); ok {
				d.setAnswering(c, true) // until the last buffer is sent, after the handler
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (d *Drainer) setAnswering(c net.Conn, now bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case now == d.answering[c]:
	case now:
		d.answering[c] = true
		d.unsent.add(1)
	default:
		delete(d.answering, c)
		d.unsent.add(-1)
	}
}

// tally counts, and tells when it is at none. The zero value is ready.
type tally struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed at none, if anybody asked
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += n
	if t.n == 0 && t.none != nil {
		close(t.none)
		t.none = nil
	}
}

// isNone is closed once the tally is, or was after this call, at none. One caller at a time.
func (t *tally) isNone() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	none := make(chan struct{})
	if t.n == 0 {
		close(none)
		return none
	}
	t.none = none
	return none
}

// flushing is how long connections have, after the last answer, to deliver it and be closed by their owner.
const flushing = 250 * time.Millisecond

// Drain returns when the server is closed, with an error if something had to be cut off.
func (d *Drainer) Drain(server *http.Server) error {
	if d.Delay > 0 {
		<-time.After(d.Delay)
	}
	d.EndLasting()
	patience, cancel := context.WithTimeout(context.Background(), d.Patience)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- server.Shutdown(patience) }()
	select {
	case err := <-closed:
		return errors.Join(err, closeIf(err, server))
	case <-d.underWay.isNone():
	}
	var cut error // some clients read slowly
	select {
	case <-d.unsent.isNone():
	case <-patience.Done():
		cut = fmt.Errorf("answering by HTTP/1.1: %w", patience.Err())
	}
	// All is answered. Connections that nothing is asked on are closed by now or soon; some never say a word, and are not waited for.
	select {
	case <-closed:
	case <-time.After(flushing):
	}
	return errors.Join(cut, d.http2.Finish(patience), server.Close())
}

func closeIf(err error, server *http.Server) error {
	if err == nil {
		return nil
	}
	return server.Close()
}
