package turns

import (
	"context"
	"sync"
	"time"
)

// maxTurn is how long a write waits for another one of the same object before it tries its luck beside it.
const maxTurn = 100 * time.Millisecond

// Turns lets the writes of one object in this server take turns. Without it, writers that each read, compute and lose
// against the other can go on so for long. It is no guarantee: that is the transaction. The zero value is ready.
type Turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	token chan struct{} // holds one token while nobody has the turn
	users int
}

// Take waits for the turn, at most maxTurn, and returns what gives it back.
func (k *Turns) Take(ctx context.Context, key string) func() {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*turn{}
	}
	t := k.held[key]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		t.token <- struct{}{}
		k.held[key] = t
	}
	t.users++
	k.mu.Unlock()
	mine := t.wait(ctx)
	return func() {
		if mine {
			t.token <- struct{}{}
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(k.held, key)
		}
	}
}

func (t *turn) wait(ctx context.Context) bool {
	select {
	case <-t.token:
		return true
	default:
	}
	late := time.NewTimer(maxTurn)
	defer late.Stop()
	select {
	case <-t.token:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}
