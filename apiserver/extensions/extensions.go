package extensions

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/custom"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// Extensions serves custom resources while Run runs.
type Extensions struct {
	Server *apiserver.Server
	Cache  *cache.Cache
	// Client writes definitions; Raw deletes the objects of those that go.
	Client client.Client
	Raw    rest.Interface
	// OpenAPI is told what is served; it may be nil.
	OpenAPI *openapi.Documents
	// Webhooks are called to convert; without it, nothing is but by name.
	Webhooks *webhookclient.Clients
	Clock    clock.Clock

	once   sync.Once
	ready  chan struct{}
	states map[string]*state // by name of the definition; only Run's
	// described is what OpenAPI has been told, by group version and name of the definition.
	described map[schema.GroupVersion]map[string]*published
	ends      sync.WaitGroup
}

// state is what is known of a definition.
type state struct {
	latest *apiextensionsv1.CustomResourceDefinition // as the cache has it, or as it was written since
	served *apiextensionsv1.CustomResourceDefinition // nil while it is not
	// definition is what it is served by.
	definition *custom.Definition
	ending     context.CancelFunc // of the deletion of its objects
	// retry is when to sync again what failed; zero where nothing did. wait is how long that is after the failure.
	retry time.Time
	wait  time.Duration
	// terminating is shared with the rows that are served.
	terminating atomic.Bool
}

func (e *Extensions) prepare() {
	e.once.Do(func() {
		e.ready, e.states, e.described = make(chan struct{}), map[string]*state{}, map[schema.GroupVersion]map[string]*published{}
		if e.Clock == nil {
			e.Clock = clock.RealClock{}
		}
	})
}

// Ready is closed when what the definitions of the start define is served.
func (e *Extensions) Ready() <-chan struct{} {
	e.prepare()
	return e.ready
}

// definitions is where they are stored.
const definitions = storage.Root + "apiextensions.k8s.io/customresourcedefinitions/"

// Run follows the definitions until ctx ends.
func (e *Extensions) Run(ctx context.Context) error {
	e.prepare()
	ctx, stop := context.WithCancel(ctx)
	defer e.ends.Wait()
	defer stop()
	for ctx.Err() == nil {
		if err := e.follow(ctx); err != nil && ctx.Err() == nil {
			logr.FromContextOrDiscard(ctx).Error(err, "Following definitions failed, beginning anew")
		}
	}
	return nil
}

// follow handles one definition after the other, so that names are given in an order.
func (e *Extensions) follow(ctx context.Context) error {
	held, found := e.Cache.Resource(definitions)
	if !found {
		return fmt.Errorf("looking for definitions below %s: %w", definitions, storage.ErrNotFound)
	}
	if err := held.WaitReady(ctx); err != nil {
		return err
	}
	watcher, err := held.Watch(ctx, cache.WatchOptions{Initial: true, InitialBookmark: true})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for {
		events, err := e.next(ctx, watcher)
		if err != nil {
			return err
		}
		for i := range events {
			e.take(ctx, &events[i])
		}
		e.syncFailed(ctx)
	}
}

// take handles an event. What the definitions at the start define is not looked at before all of them are known, for names depend on others.
func (e *Extensions) take(ctx context.Context, event *cache.Event) {
	if event.Type == watch.Bookmark {
		if event.InitialEnd {
			for name := range e.states {
				e.sync(ctx, name)
			}
			e.setReady()
		}
		return
	}
	crd, ok := event.Entry.Object.(*apiextensionsv1.CustomResourceDefinition)
	if !ok {
		return
	}
	if event.Type == watch.Deleted {
		e.forget(ctx, crd)
		return
	}
	s := e.states[crd.Name]
	if s == nil {
		s = &state{}
		e.states[crd.Name] = s
	}
	if s.latest != nil && s.latest.UID != crd.UID {
		e.withdraw(s)
	}
	s.latest = crd
	if e.isReady() {
		e.sync(ctx, crd.Name)
	}
}

func (e *Extensions) isReady() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

func (e *Extensions) setReady() {
	if !e.isReady() {
		close(e.ready)
	}
}

// sync settles what there is to settle about a definition, serves it, and writes what is new in its status: a client that reads that it
// is established can use it at once.
func (e *Extensions) sync(ctx context.Context, name string) {
	s := e.states[name]
	settled := e.settled(s.latest)
	if err := e.serve(s, settled); err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "Custom resources cannot be served", "definition", name)
	}
	if settled != s.latest {
		if err := e.writeStatus(ctx, settled); err != nil {
			e.failed(ctx, s, err)
			return
		}
		s.latest = settled
	}
	s.retry, s.wait = time.Time{}, 0
	e.end(ctx, s)
}

// forget stops serving a definition that is gone, and gives its names to others that want them.
func (e *Extensions) forget(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) {
	if s := e.states[crd.Name]; s != nil {
		e.withdraw(s)
		delete(e.states, crd.Name)
	}
	for name, other := range e.states {
		if other.latest.Spec.Group == crd.Spec.Group && e.isReady() {
			e.sync(ctx, name)
		}
	}
}

func groupResource(crd *apiextensionsv1.CustomResourceDefinition) schema.GroupResource {
	return schema.GroupResource{Group: crd.Spec.Group, Resource: crd.Status.AcceptedNames.Plural}
}
