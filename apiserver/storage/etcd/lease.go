package etcd

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// leases are shared by keys that vanish at about the same time: a lease is granted for a little longer than
// asked, and used during that time, so that a burst of events costs one grant.
type leases struct {
	mu    sync.Mutex
	byTTL map[time.Duration]*sharedLease
}

type sharedLease struct {
	granted chan struct{} // closed when the grant is done
	id      int64
	err     error
	until   time.Time // when it is too old to be used by another key
	keys    int
}

const (
	// leaseShare and leaseWindow bound how much longer than asked a key may live: 5% and one minute.
	leaseShare  = 20
	leaseWindow = time.Minute
	// leaseKeys bounds the keys of a lease: they vanish in one transaction.
	leaseKeys = 1000
)

// lease returns the lease for a key with a TTL; 0 for none.
func (l *leases) lease(ctx context.Context, b backend, ttl time.Duration) (int64, error) {
	if ttl <= 0 {
		return 0, nil
	}
	shared, mine := l.pick(ttl)
	if mine {
		window := min(ttl/leaseShare, leaseWindow)
		seconds := int64(math.Ceil((ttl + window).Seconds()))
		response, err := b.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: seconds})
		if err != nil {
			shared.err = fmt.Errorf("granting a lease of %s: %w", ttl, err)
			l.drop(ttl, shared)
		} else {
			shared.id = response.ID
		}
		close(shared.granted)
	}
	select {
	case <-shared.granted:
		return shared.id, shared.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// pick returns the lease in use for a TTL, or a new one that the caller must have granted.
func (l *leases) pick(ttl time.Duration) (shared *sharedLease, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if s := l.byTTL[ttl]; s != nil && s.keys < leaseKeys && now.Before(s.until) {
		s.keys++
		return s, false
	}
	if l.byTTL == nil {
		l.byTTL = map[time.Duration]*sharedLease{}
	}
	s := &sharedLease{granted: make(chan struct{}), keys: 1, until: now.Add(min(ttl/leaseShare, leaseWindow))}
	l.byTTL[ttl] = s
	return s, true
}

func (l *leases) drop(ttl time.Duration, s *sharedLease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byTTL[ttl] == s {
		delete(l.byTTL, ttl)
	}
}

// forget all leases, after one was found to be gone.
func (l *leases) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byTTL = nil
}
