package auth

import "sync"

// maxRemembered bounds every memory of credentials, so that clients cannot fill it.
const maxRemembered = 4096

// Bounded is a map that forgets one half of itself when it is full: the half that was not asked for
// since the last time. The zero value is ready.
type Bounded[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
}

// Get returns what was put under key, if it is still there.
func (b *Bounded[K, V]) Get(key K) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	value, ok := b.young[key]
	if ok {
		return value, true
	}
	if value, ok = b.old[key]; ok {
		b.add(key, value)
	}
	return value, ok
}

// Put remembers value under key.
func (b *Bounded[K, V]) Put(key K, value V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(key, value)
}

func (b *Bounded[K, V]) add(key K, value V) {
	if len(b.young) >= maxRemembered/2 {
		b.old, b.young = b.young, nil
	}
	if b.young == nil {
		b.young = map[K]V{}
	}
	b.young[key] = value
}
