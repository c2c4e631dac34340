package cache

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// pageSize of a load: decoding one page overlaps with reading the next.
const pageSize = 5000

// load reads everything and installs it in all kinds known at its end.
func (c *Cache) load(ctx context.Context) error {
	c.mu.RLock()
	known := make(map[*Resource][]*Entry, len(c.kinds))
	for _, r := range c.kinds {
		known[r] = nil
	}
	c.mu.RUnlock()

	revision, err := c.readAll(ctx, c.Root, func(records []storage.Record) {
		c.decodeAll(ctx, records, func(key string) *Resource {
			c.mu.RLock()
			defer c.mu.RUnlock()
			if r := c.find(key); r != nil {
				if _, ok := known[r]; ok {
					return r
				}
			}
			return nil
		}, func(r *Resource, e *Entry) { known[r] = append(known[r], e) })
	})
	if err != nil {
		return err
	}
	for r, entries := range known {
		r.install(ctx, entries, revision)
	}
	c.finishLoad(known, revision)
	return nil
}

// finishLoad publishes the revision and starts loading what was added meanwhile.
func (c *Cache) finishLoad(known map[*Resource][]*Entry, revision int64) {
	c.mu.Lock()
	first := !c.isLoaded
	c.isLoaded = true
	for _, r := range c.kinds {
		if _, ok := known[r]; !ok && first {
			c.loading.Add(1)
			go c.loadLate(c.running, r)
		}
	}
	c.revision.Store(revision) // may step back when the store was restored from a backup
	c.mu.Unlock()
	c.waiters.Wake(revision)
	if first {
		close(c.ready)
	}
}

// readAll pages through a prefix as of one revision; the next page is read while handle works on one.
func (c *Cache) readAll(ctx context.Context, prefix string, handle func([]storage.Record)) (int64, error) {
	pages := make(chan []storage.Record, 1)
	var revision int64
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(pages)
		next := storage.Range{Prefix: prefix, Limit: pageSize}
		for {
			page, err := c.Source.Range(ctx, next)
			if err != nil {
				return err
			}
			revision = page.Revision
			select {
			case pages <- page.Records:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if !page.More {
				return nil
			}
			next.Revision = page.Revision
			next.From = page.Records[len(page.Records)-1].Key + "\x00"
		}
	})
	for records := range pages {
		handle(records)
	}
	return revision, g.Wait()
}

// decodeAll decodes records on all processors and hands the entries out in order.
func (c *Cache) decodeAll(ctx context.Context, records []storage.Record,
	find func(key string) *Resource, add func(*Resource, *Entry)) {
	type decoded struct {
		r *Resource
		e *Entry
	}
	out := make([]decoded, len(records))
	workers := min(runtime.GOMAXPROCS(0), len(records)/64+1)
	share := (len(records) + workers - 1) / workers
	var wg sync.WaitGroup
	for start := 0; start < len(records); start += share {
		end := min(start+share, len(records))
		wg.Go(func() {
			for i := start; i < end; i++ {
				if r := find(records[i].Key); r != nil {
					out[i] = decoded{r, r.decode(ctx, records[i])}
				}
			}
		})
	}
	wg.Wait()
	for _, d := range out {
		if d.r != nil {
			add(d.r, d.e)
		}
	}
}

// loadLate loads a kind that was added to a running cache, trying again until it succeeds.
func (c *Cache) loadLate(ctx context.Context, r *Resource) {
	defer c.loading.Done()
	wait := retryFirst
	for ctx.Err() == nil && !r.isGone() {
		var entries []*Entry
		own := func(string) *Resource { return r }
		revision, err := c.readAll(ctx, r.kind.Prefix, func(records []storage.Record) {
			c.decodeAll(ctx, records, own, func(_ *Resource, e *Entry) { entries = append(entries, e) })
		})
		if err == nil {
			r.installOnce(ctx, entries, revision)
			return
		}
		if !errors.Is(err, storage.ErrCompacted) && ctx.Err() == nil {
			logr.FromContextOrDiscard(ctx).Error(err, "Loading failed, trying again", "resource", r.kind.Name)
		}
		c.pause(ctx, wait)
		wait = min(2*wait, retryMost)
	}
}
