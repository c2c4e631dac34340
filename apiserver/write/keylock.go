package write

import (
	"context"
	"sync"
	"time"
)

// maxTurn is how long a write waits for another one of the same object before it tries its luck beside it.
const maxTurn = 100 * time.Millisecond

// keyLocks lets the writes of one object in this server take turns. Without it, writers that each read, compute and lose
// against the other can go on so for long. It is no guarantee: that is the transaction. The zero value is ready.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	turn  chan struct{} // holds one token while nobody has the turn
	users int
}

// lock waits for the turn, at most maxTurn, and returns what gives it back.
func (k *keyLocks) lock(ctx context.Context, key string) func() {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*keyLock{}
	}
	l := k.held[key]
	if l == nil {
		l = &keyLock{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		k.held[key] = l
	}
	l.users++
	k.mu.Unlock()
	mine := l.take(ctx)
	return func() {
		if mine {
			l.turn <- struct{}{}
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.held, key)
		}
	}
}

func (l *keyLock) take(ctx context.Context) bool {
	select {
	case <-l.turn:
		return true
	default:
	}
	late := time.NewTimer(maxTurn)
	defer late.Stop()
	select {
	case <-l.turn:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}
