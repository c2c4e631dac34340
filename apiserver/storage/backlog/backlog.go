package backlog

import (
	"context"
	"sync"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// bufferBytes bounds the values between the reader of a watch and its consumer. When it is full the reader
// stops, and etcd keeps what comes on disk.
const bufferBytes = 16 << 20

// Backlog decouples a watch from its consumer, and joins what has piled up into one batch.
type Backlog struct {
	mu       sync.Mutex
	events   []storage.Event
	progress int64
	bytes    int
	dirty    bool

	filled, drained chan struct{}
}

// New makes one that is empty.
func New() *Backlog {
	return &Backlog{filled: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

// Put appends a response. A response is never split, so no batch splits a revision.
func (b *Backlog) Put(ctx context.Context, events []storage.Event, progress int64) error {
	for {
		b.mu.Lock()
		if b.bytes < bufferBytes {
			break
		}
		b.mu.Unlock()
		select {
		case <-b.drained:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer b.mu.Unlock()
	if b.events == nil {
		b.events = events
	} else {
		b.events = append(b.events, events...)
	}
	for i := range events {
		b.bytes += len(events[i].Value) + len(events[i].Key)
	}
	b.progress = max(b.progress, progress)
	b.dirty = true
	tell(b.filled)
	return nil
}

// Drain delivers until ctx ends or deliver fails. What was put before the end is delivered first.
func (b *Backlog) Drain(ctx context.Context, deliver func([]storage.Event, int64) error) error {
	for {
		events, progress, ok := b.take()
		if ok {
			if err := deliver(events, progress); err != nil {
				return err
			}
			continue
		}
		select {
		case <-b.filled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (b *Backlog) take() (events []storage.Event, progress int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events, progress, ok = b.events, b.progress, b.dirty
	b.events, b.bytes, b.dirty = nil, 0, false
	tell(b.drained)
	return events, progress, ok
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
