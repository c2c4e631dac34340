package cluster

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/gather"
)

// drainer ends an HTTP server without cutting anybody off.
//
//	serving ──ctx ends──> leaving ──delay──> draining ──nothing under way──> closed
//	/readyz ok            fails             what lasts ends; the port is closed; slow clients get the rest
//
// In the delay, requests are served as before: whoever sends them is given time to learn that this server goes.
type drainer struct {
	// Delay is how long to go on serving after /readyz has said that the server ends.
	Delay time.Duration
	// Patience bounds the wait for what is under way.
	Patience time.Duration
	// EndLasting ends watches and what else lasts.
	EndLasting context.CancelFunc

	conns    gather.Conns // of HTTP/2
	mu       sync.Mutex
	underWay int
	leaving  bool
	idle     chan struct{} // closed while leaving, when nothing is under way
}

// newDrainer is that of the control plane's server; what lasts ends by endLasting.
func (c *controlPlane) newDrainer(endLasting context.CancelFunc) *drainer {
	return &drainer{Delay: c.options.ShutdownDelayDuration.Duration, Patience: c.options.RequestTimeout.Duration, EndLasting: endLasting}
}

// checkLeaving fails /readyz as soon as the cluster is told to end.
func (c *controlPlane) checkLeaving(context.Context) error {
	select {
	case <-c.leaving:
		return errors.New("process is shutting down")
	default:
		return nil
	}
}

// counted keeps count of what is under way.
func (d *drainer) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.add(1)
		defer d.add(-1)
		next.ServeHTTP(w, r)
	})
}

func (d *drainer) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay += n
	if d.leaving && d.underWay == 0 && d.idle != nil {
		close(d.idle)
		d.idle = nil
	}
}

// idled is closed once nothing is under way.
func (d *drainer) idled() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaving = true
	idle := make(chan struct{})
	if d.underWay == 0 {
		close(idle)
		return idle
	}
	d.idle = idle
	return idle
}

// flushing is how long connections have, after the last answer, to deliver it and be closed by their owner.
const flushing = 250 * time.Millisecond

// drain returns when the server is closed, with an error if something had to be cut off.
func (d *drainer) drain(server *http.Server) error {
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
	case <-d.idled():
	}
	// All is answered. Connections that nothing is asked on are closed by now or soon; some never say a word, and are not waited for.
	select {
	case <-closed:
	case <-time.After(flushing):
	}
	return errors.Join(d.conns.Finish(patience), server.Close()) // some clients read slowly
}

func closeIf(err error, server *http.Server) error {
	if err == nil {
		return nil
	}
	return server.Close()
}
