package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	"k8s.io/client-go/rest"
)

// Light calls an API server with as little work of its own as it can, so that what is measured on shared cores is the server. One
// goroutine fills one connection of HTTP/2 over TLS with calls and reads their answers to the end, without decoding them: an answer
// that ends makes room for the next call, as with so many workers who wait for one answer each. It is for one goroutine, and of no
// more use after an error.
type Light struct {
	exchange
	host string
}

// Dial connects with the certificates of a configuration.
func Dial(ctx context.Context, config *rest.Config) (*Light, error) {
	server, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	secure, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	secure.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", server.Host)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	l := &Light{host: server.Host, exchange: newExchange(conn)}
	if err := l.within(ctx, l.open); err != nil {
		return nil, errors.Join(fmt.Errorf("agreeing on HTTP/2: %w", err), conn.Close())
	}
	return l, nil
}

// Close ends the connection.
func (l *Light) Close() error { return l.conn.Close() }

// Repeat makes calls 0 to calls-1, so many at the same time. The first answer with another status than the wanted one ends it, and so
// does a server that resets a call or wants to close the connection.
func (l *Light) Repeat(ctx context.Context, workers, calls int, r Request) (Result, error) {
	if workers > l.maxStreams {
		return Result{}, fmt.Errorf("the server takes %d calls at the same time, not %d", l.maxStreams, workers)
	}
	took := make([]time.Duration, calls)
	started := time.Now()
	if err := l.within(ctx, func() error { return l.repeat(workers, took, r) }); err != nil {
		return Result{}, err
	}
	return Result{Rate: float64(calls) / time.Since(started).Seconds(), Took: Sorted(took)}, nil
}

func (l *Light) repeat(workers int, took []time.Duration, r Request) error {
	next, encoded := 0, encoded{Request: r, light: l}
	for next < min(workers, len(took)) {
		if err := encoded.start(next); err != nil {
			return err
		}
		next++
	}
	for range took {
		ended, err := l.await()
		if err != nil {
			return err
		}
		if ended.status != r.Status {
			return fmt.Errorf("call %d was answered with %d, not %d: %s", ended.call, ended.status, r.Status, ended.told)
		}
		took[ended.call] = time.Since(ended.since)
		if next < len(took) {
			if err := encoded.start(next); err != nil {
				return err
			}
			next++
		}
	}
	return l.flush()
}

// within does something with the connection, which is closed when the context is done.
func (l *Light) within(ctx context.Context, do func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	defer stop()
	err := do()
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}
