package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/waiters"
)

// ErrRemoved says that the kind was taken out of the cache while it was read.
var ErrRemoved = errors.New("kind has been removed")

// Source is what a cache needs of a store.
type Source interface {
	storage.Reader
	storage.Watchable
}

// Cache holds all resources at one revision.
type Cache struct {
	// Source is what is followed.
	Source Source
	// Root is the prefix of all keys; default storage.Root.
	Root string
	// Clock ages the past; default the real one.
	Clock clock.WithTickerAndDelayedExecution

	once     sync.Once
	ready    chan struct{}
	revision atomic.Int64
	waiters  waiters.Waiters

	// mu guards the kinds. The feed holds it for reading while it applies a batch.
	mu       sync.RWMutex
	kinds    map[string]*Resource // by prefix
	running  context.Context      // of Run, for kinds that are added later
	loading  sync.WaitGroup
	isLoaded bool

	trimming atomic.Bool
	trimmer  clock.Timer // guarded by mu; nil where there is nothing to drop
}

// New returns a cache that follows source once it runs.
func New(source Source) *Cache { return &Cache{Source: source} }

func (c *Cache) prepare() {
	c.once.Do(func() {
		c.ready = make(chan struct{})
		c.kinds = map[string]*Resource{}
		if c.Root == "" {
			c.Root = storage.Root
		}
		if c.Clock == nil {
			c.Clock = clock.RealClock{}
		}
	})
}

// Add registers a kind, before or while the cache runs. Its objects can be read once it is ready. A kind
// whose prefix is there already replaces the earlier one, whose watchers end with ErrRemoved.
func (c *Cache) Add(kind Kind) *Resource {
	c.prepare()
	if !strings.HasSuffix(kind.Prefix, "/") {
		kind.Prefix += "/"
	}
	r := newResource(c, kind)
	c.mu.Lock()
	old := c.kinds[kind.Prefix]
	c.kinds[kind.Prefix] = r
	ctx := c.running
	late := c.isLoaded && ctx != nil
	if late {
		c.loading.Add(1)
	}
	c.mu.Unlock()
	if old != nil {
		old.remove()
	}
	if late {
		go c.loadLate(ctx, r)
	}
	return r
}

// Remove takes a kind out. Its watchers end with ErrRemoved; what readers hold stays valid.
func (c *Cache) Remove(prefix string) {
	c.prepare()
	c.mu.Lock()
	r := c.kinds[prefix]
	delete(c.kinds, prefix)
	c.mu.Unlock()
	if r != nil {
		r.remove()
	}
}

// Resource returns the kind of a prefix.
func (c *Cache) Resource(prefix string) (*Resource, bool) {
	c.prepare()
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.kinds[prefix]
	return r, ok
}

// Ready is closed when everything that was in the store at the start of Run can be read.
func (c *Cache) Ready() <-chan struct{} {
	c.prepare()
	return c.ready
}

// Revision of the store up to which everything is in the cache; 0 before it is ready.
func (c *Cache) Revision() int64 { return c.revision.Load() }

// WaitFor returns nil once the cache has reached the revision.
func (c *Cache) WaitFor(ctx context.Context, revision int64) error {
	if c.revision.Load() >= revision {
		return nil
	}
	if err := c.waiters.Wait(ctx, revision, &c.revision); err != nil {
		return fmt.Errorf("waiting for revision %d at revision %d: %w", revision, c.Revision(), err)
	}
	return nil
}

// WaitCommitted returns once the cache has everything that was committed before the call: what makes a read
// of the cache a consistent one.
func (c *Cache) WaitCommitted(ctx context.Context) error {
	revision, err := c.Source.Committed(ctx)
	if err != nil {
		return fmt.Errorf("asking for the committed revision: %w", err)
	}
	return c.WaitFor(ctx, revision)
}

// find returns the resource of a key: that with the longest prefix. mu must be held.
func (c *Cache) find(key string) *Resource {
	for end := len(key); end > 0; {
		end = strings.LastIndexByte(key[:end], '/')
		if end < 0 {
			return nil
		}
		if r, ok := c.kinds[key[:end+1]]; ok {
			return r
		}
	}
	return nil
}
