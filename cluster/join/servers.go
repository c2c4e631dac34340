package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// stagger is how long one address is tried before the next one is tried beside it.
const stagger = time.Second

// dialTimeout bounds the attempt at one address.
const dialTimeout = 10 * time.Second

// Servers are the addresses of the API servers, and a dialer that reaches whichever of them works. The address that worked
// last is tried first, until a connection to it breaks: so nothing flaps, and a server that hangs is left.
type Servers struct {
	// File keeps the addresses for the next start.
	File string

	mu        sync.Mutex
	addresses []string // host:port, the preferred one first
}

// ParseServers reads URLs such as https://10.0.0.1:6443 into addresses.
func ParseServers(urls []string) ([]string, error) {
	var addresses []string
	for _, text := range urls {
		parsed, err := url.Parse(text)
		if err != nil || parsed.Scheme != "https" || parsed.Hostname() == "" || strings.Trim(parsed.Path, "/") != "" {
			return nil, fmt.Errorf("the server %q is no URL such as https://10.0.0.1:6443", text)
		}
		port := parsed.Port()
		if port == "" {
			port = "6443"
		}
		addresses = append(addresses, net.JoinHostPort(parsed.Hostname(), port))
	}
	return addresses, nil
}

// Load adds the addresses that an earlier run has kept after those that there are.
func (s *Servers) Load() error {
	data, err := os.ReadFile(s.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the servers' addresses: %w", err)
	}
	var kept []string
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("reading %s: %w", s.File, err)
	}
	s.Add(kept...)
	return nil
}

// Add appends addresses that are not known yet.
func (s *Servers) Add(addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, address := range addresses {
		if !slices.Contains(s.addresses, address) {
			s.addresses = append(s.addresses, address)
		}
	}
}

// Set replaces all addresses by what the cluster says, keeps their order where it can, and remembers them. Those that the
// user named stay the last resort.
func (s *Servers) Set(said, named []string) error {
	s.mu.Lock()
	var next []string
	for _, list := range [][]string{s.addresses, said, named} {
		for _, address := range list {
			if (slices.Contains(said, address) || slices.Contains(named, address)) && !slices.Contains(next, address) {
				next = append(next, address)
			}
		}
	}
	same := slices.Equal(next, s.addresses)
	s.addresses = next
	s.mu.Unlock()
	if same && fileExists(s.File) {
		return nil
	}
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return WriteFile(s.File, append(data, '\n'))
}

// All returns the addresses, the preferred one first.
func (s *Servers) All() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.addresses)
}

// prefer moves an address to the front, broke one to the end.
func (s *Servers) prefer(address string) { s.move(address, 0) }
func (s *Servers) broke(address string)  { s.move(address, -1) }

func (s *Servers) move(address string, to int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.addresses, address)
	if i < 0 {
		return
	}
	s.addresses = slices.Delete(s.addresses, i, i+1)
	if to < 0 {
		to = len(s.addresses)
	}
	s.addresses = slices.Insert(s.addresses, to, address)
}

// dial connects to the first server that answers. It starts with the preferred one; the others follow, each when the one
// before has failed or taken too long.
func (s *Servers) dial(ctx context.Context) (net.Conn, string, error) {
	addresses := s.All()
	if len(addresses) == 0 {
		return nil, "", errors.New("no API server is known")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	r := &race{left: addresses, results: make(chan dialed, len(addresses))}
	r.next(ctx)
	var failures error
	for r.pending > 0 {
		timer := time.NewTimer(stagger)
		select {
		case first := <-r.results:
			timer.Stop()
			r.pending--
			if first.err == nil {
				go closeLate(r.results, r.pending)
				s.prefer(first.address)
				return first.conn, first.address, nil
			}
			failures = errors.Join(failures, first.err)
		case <-timer.C:
		}
		r.next(ctx)
	}
	return nil, "", failures
}

// race dials addresses beside each other.
type race struct {
	left    []string // that are not dialed yet
	results chan dialed
	pending int // results that are still to come
}

// dialed is what came of dialing an address.
type dialed struct {
	conn    net.Conn
	address string
	err     error
}

// next dials one more address, if one is left.
func (r *race) next(ctx context.Context) {
	if len(r.left) == 0 {
		return
	}
	address := r.left[0]
	r.left = r.left[1:]
	r.pending++
	go func() {
		dialer := net.Dialer{KeepAlive: 30 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", address)
		r.results <- dialed{conn, address, err}
	}()
}

// closeLate closes the connections that come when there is one already.
func closeLate(results <-chan dialed, pending int) {
	for range pending {
		if late := <-results; late.err == nil {
			_ = late.conn.Close()
		}
	}
}
