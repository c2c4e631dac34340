package encrypted

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/utils/clock"
)

// Keeper keeps the configuration that counts: it looks after the plugins that it names, and takes over what the file says
// when that changes, if asked to. Its exported fields are inputs.
type Keeper struct {
	Path string
	// Reload the file when it changes.
	Reload bool
	// Server is the name by which metrics tell servers apart.
	Server string
	Clock  clock.WithTicker

	metrics *metrics
	current atomic.Pointer[Configuration]
	epoch   atomic.Pointer[Epoch]

	mu      sync.Mutex
	looking func() // ends the looking after the plugins of now
	retired sync.WaitGroup
}

// Epoch is a time in which the same keys write and read.
type Epoch struct {
	over  chan struct{}
	stale func() bool // isOver, made once
}

func newEpoch() *Epoch {
	e := &Epoch{over: make(chan struct{})}
	e.stale = e.isOver
	return e
}

// isOver says whether what was read in the epoch could be read, and would be written, in another way by now.
func (e *Epoch) isOver() bool {
	select {
	case <-e.over:
		return true
	default:
		return false
	}
}

// firstLook bounds how long the start waits for plugins. One that is not there then fails its health check, and what it
// is to encrypt cannot be written.
const firstLook = 3 * time.Second

// Open reads the file and asks the plugins for their keys.
func (k *Keeper) Open(ctx context.Context) error {
	k.metrics = newMetrics(k.Server, k.Clock)
	k.epoch.Store(newEpoch())
	c, err := k.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	_ = c.refresh(ctx) // what fails is logged, and asked again
	k.current.Store(c)
	k.metrics.applied(c.hash)
	return nil
}

// load reads the file. What its plugins change begins another epoch only while it is what is in use: the first keys of one that is to
// be taken over change nothing yet.
func (k *Keeper) load() (c *Configuration, err error) {
	c, err = load(k.Path, Plugins{Clock: k.Clock, Metrics: k.metrics.plugins, Changed: func() {
		if k.current.Load() == c {
			k.turn()
		}
	}})
	return c, err
}

// turn begins another epoch.
func (k *Keeper) turn() {
	close(k.epoch.Swap(newEpoch()).over)
}

// Epoch of now.
func (k *Keeper) Epoch() *Epoch { return k.epoch.Load() }

// For is how the values of a resource are stored now.
func (k *Keeper) For(resource schema.GroupResource) value.Transformer {
	return k.current.Load().For(resource)
}

// Check is nil when all plugins are well.
func (k *Keeper) Check(ctx context.Context) error {
	var errs []error
	c := k.current.Load()
	for i, p := range c.providers {
		if err := p.Check(ctx); err != nil {
			errs = append(errs, fmt.Errorf("kms-provider-%d: failed to perform status section of the healthz check for KMS Provider %s, error: %w", i, c.names[i], err))
		}
	}
	return utilerrors.NewAggregate(errs)
}

// UsesPlugins says whether there is anything to check.
func (k *Keeper) UsesPlugins() bool { return k.Reload || len(k.current.Load().providers) > 0 }

// refresh asks all plugins at once, which takes as long as the slowest.
func (c *Configuration) refresh(ctx context.Context) error {
	errs := make([]error, len(c.providers))
	var all sync.WaitGroup
	for i, p := range c.providers {
		all.Go(func() { errs[i] = p.Refresh(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Run looks after plugins and file until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.retired.Wait()
	defer func() { k.look(ctx, nil) }()
	k.look(ctx, k.current.Load())
	if !k.Reload {
		<-ctx.Done()
		return nil
	}
	return k.follow(ctx)
}

// look starts to look after the plugins of a configuration, in place of those of the one before.
func (k *Keeper) look(ctx context.Context, c *Configuration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.looking != nil {
		k.looking()
		k.looking = nil
	}
	if c == nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, p := range c.providers {
		all.Go(func() { p.Run(ctx) })
	}
	k.retired.Go(func() {
		all.Wait()
		if err := c.Close(); err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "Closing connections to KMS plugins failed")
		}
	})
	k.looking = stop
}

// reload takes over what the file says. A configuration whose plugins do not answer is not taken over: writing would fail.
func (k *Keeper) reload(ctx context.Context) error {
	c, err := k.load()
	if err != nil {
		return err
	}
	if c.hash == k.current.Load().hash {
		return c.Close()
	}
	if err := c.refresh(ctx); err != nil {
		return errors.Join(fmt.Errorf("asking the plugins of a new encryption configuration: %w", err), c.Close())
	}
	k.current.Store(c)
	k.turn()
	k.metrics.applied(c.hash)
	k.look(ctx, c)
	logr.FromContextOrDiscard(ctx).Info("Encryption configuration taken over", "file", k.Path, "hash", c.hash)
	return nil
}
