package auth

import "sync"

// maxRemembered bounds every memory of credentials, so that clients cannot fill it.
const maxRemembered = 4096

// bounded is a map that forgets one half of itself when it is full: the half that was not asked for
// since the last time. The zero value is ready.
type bounded[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
}

func (b *bounded[K, V]) get(key K) (V, bool) {
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

func (b *bounded[K, V]) put(key K, value V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(key, value)
}

func (b *bounded[K, V]) add(key K, value V) {
	if len(b.young) >= maxRemembered/2 {
		b.old, b.young = b.young, nil
	}
	if b.young == nil {
		b.young = map[K]V{}
	}
	b.young[key] = value
}
