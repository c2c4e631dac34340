package leases

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// Leases are shared by keys that vanish at about the same time: a lease is granted for a little longer than
// asked, and used during that time, so that a burst of events costs one grant.
type Leases struct {
	mu    sync.Mutex
	byTTL map[time.Duration]*sharedLease
}

// Granter grants leases.
type Granter interface {
	Grant(ctx context.Context, seconds int64) (id int64, err error)
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

// For returns the lease for a key with a TTL; 0 for none.
func (l *Leases) For(ctx context.Context, from Granter, ttl time.Duration) (int64, error) {
	if ttl <= 0 {
		return 0, nil
	}
	shared, mine := l.pick(ttl)
	if mine {
		window := min(ttl/leaseShare, leaseWindow)
		seconds := int64(math.Ceil((ttl + window).Seconds()))
		if shared.id, shared.err = from.Grant(ctx, seconds); shared.err != nil {
			shared.err = fmt.Errorf("granting a lease of %s: %w", ttl, shared.err)
			l.drop(ttl, shared)
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
func (l *Leases) pick(ttl time.Duration) (shared *sharedLease, mine bool) {
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

func (l *Leases) drop(ttl time.Duration, s *sharedLease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byTTL[ttl] == s {
		delete(l.byTTL, ttl)
	}
}

// Forget all leases, after one was found to be gone.
func (l *Leases) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byTTL = nil
}
