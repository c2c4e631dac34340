package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// retryAfter a failure of the store, first and at most.
const (
	retryFirst = 20 * time.Millisecond
	retryMost  = 2 * time.Second
)

// Run loads the cache and follows the source until ctx ends, then returns nil. When the source fails it
// tries again from where it was; when that is compacted it loads anew, and all watchers get ErrCompacted.
func (c *Cache) Run(ctx context.Context) error {
	c.prepare()
	ctx, cancel := context.WithCancel(ctx)
	c.setRunning(ctx)
	defer func() {
		c.stopRunning()
		cancel()
		c.loading.Wait()
	}()

	reload := true
	wait := retryFirst
	for ctx.Err() == nil {
		before := c.Revision()
		err := c.follow(ctx, reload)
		if ctx.Err() != nil {
			break
		}
		reload = errors.Is(err, storage.ErrCompacted) || !c.loaded()
		if c.Revision() > before {
			wait = retryFirst
		}
		logr.FromContextOrDiscard(ctx).Error(err, "Following the store failed, trying again",
			"revision", c.Revision(), "reload", reload)
		c.pause(ctx, wait)
		wait = min(2*wait, retryMost)
	}
	return nil
}

func (c *Cache) setRunning(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = ctx
}

// stopRunning sees to it that nobody starts a load any more, and that no timer holds what is in the cache: a process may have many
// servers, one after the other.
func (c *Cache) stopRunning() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = nil
	if c.trimmer != nil {
		c.trimmer.Stop()
		c.trimmer = nil
	}
	c.trimming.Store(false)
}

func (c *Cache) loaded() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.isLoaded
}

func (c *Cache) pause(ctx context.Context, d time.Duration) {
	t := c.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-ctx.Done():
	}
}

// follow loads if asked to, and feeds changes until something fails. The watch begins before the load, so that
// it need not be caught up from the past; its first batch waits until the load is done.
func (c *Cache) follow(ctx context.Context, load bool) error {
	after := c.Revision()
	gate := make(chan struct{})
	if load {
		var err error
		if after, err = c.Source.Committed(ctx); err != nil {
			return fmt.Errorf("asking for the committed revision: %w", err)
		}
	} else {
		close(gate)
	}
	g, ctx := errgroup.WithContext(ctx)
	if load {
		g.Go(func() error {
			if err := c.load(ctx); err != nil {
				return fmt.Errorf("loading: %w", err)
			}
			close(gate)
			return nil
		})
	}
	g.Go(func() error {
		err := c.Source.Watch(ctx, c.Root, after, func(events []storage.Event, progress int64) error {
			select {
			case <-gate:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			c.apply(ctx, events, progress)
			return nil
		})
		if err == nil {
			err = errors.New("the store ended the watch")
		}
		return fmt.Errorf("watching after revision %d: %w", after, err)
	})
	return g.Wait()
}

// apply hands a batch to the resources, each its part at once, and then moves the revision.
func (c *Cache) apply(ctx context.Context, events []storage.Event, progress int64) {
	if len(events) > 0 {
		c.mu.RLock()
		c.demultiplex(ctx, events)
		c.mu.RUnlock()
		c.trimLater()
	}
	c.advance(progress)
}

func (c *Cache) demultiplex(ctx context.Context, events []storage.Event) {
	first := c.find(events[0].Key)
	other := slices.IndexFunc(events[1:], func(e storage.Event) bool { return c.find(e.Key) != first })
	if other < 0 { // as nearly always where there are few, and where much of one kind is written
		if first != nil {
			first.apply(ctx, events)
		}
		return
	}
	parts := map[*Resource][]storage.Event{}
	if first != nil {
		parts[first] = slices.Clone(events[:other+1])
	}
	for _, e := range events[other+1:] {
		if r := c.find(e.Key); r != nil {
			parts[r] = append(parts[r], e)
		}
	}
	for r, part := range parts {
		r.apply(ctx, part)
	}
}

func (c *Cache) advance(revision int64) {
	if revision > c.revision.Load() { // only the feed writes it
		c.revision.Store(revision)
		c.waiters.Wake(revision)
	}
}

// trimEvery is how often what is too old is dropped, while there is something that will be.
const trimEvery = time.Minute

func (c *Cache) trimLater() {
	if c.trimming.Swap(true) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.trimming.Store(false)
		return
	}
	c.trimmer = c.Clock.AfterFunc(trimEvery, func() { go c.trim() }) // a clock may call with its lock held
}

func (c *Cache) trim() {
	c.trimming.Store(false)
	more := false
	now := c.Clock.Now()
	c.mu.RLock()
	for _, r := range c.kinds {
		r.mu.Lock()
		more = r.ring.trim(now) || more
		r.mu.Unlock()
	}
	c.mu.RUnlock()
	if more {
		c.trimLater()
	}
}
