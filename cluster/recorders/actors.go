package recorders

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/clients"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// Actors lets every controller call the API under its own service account, and write its events so too. All events
// go through one broadcaster.
type Actors struct {
	clients     *clients.InProcess
	cache       cache.Cache
	broadcaster record.EventBroadcaster
	mu          sync.Mutex
	writers     map[string]client.Client // by the component that events name
}

func NewActors(ctx context.Context, clients *clients.InProcess, shared cache.Cache) *Actors {
	a := &Actors{
		clients: clients, cache: shared, writers: map[string]client.Client{},
		broadcaster: record.NewBroadcaster(record.WithContext(ctx)),
	}
	a.broadcaster.StartRecordingToSink(reporters{ctx, a})
	return a
}

func (a *Actors) Stop() { a.broadcaster.Shutdown() }

// Access implements controllers.Deps.Access.
func (a *Actors) Access(account string) (controllers.Access, error) {
	who := identity.Account(account)
	config := a.clients.Config(who)
	live, err := a.clients.Live(config)
	if err != nil {
		return controllers.Access{}, fmt.Errorf("making a client for %s: %w", who.GetName(), err)
	}
	return controllers.Access{
		Config: config, HTTPClient: &http.Client{Transport: config.Transport}, Client: clients.Reading(live, a.cache), Live: live,
		Recorder: func(component string) record.EventRecorder {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.writers[component] = live
			return a.broadcaster.NewRecorder(a.clients.Scheme, corev1.EventSource{Component: component})
		},
	}, nil
}

// reporters writes each event as the controller that tells it.
type reporters struct {
	ctx    context.Context //nolint:containedctx // record.EventSink passes none
	actors *Actors
}

func (r reporters) sink(event *corev1.Event) (record.EventSink, error) {
	r.actors.mu.Lock()
	defer r.actors.mu.Unlock()
	writer, ok := r.actors.writers[event.Source.Component]
	if !ok {
		return nil, fmt.Errorf("no controller tells events as %q", event.Source.Component)
	}
	return coreSink{r.ctx, writer}, nil
}

// Create implements record.EventSink.
func (r reporters) Create(event *corev1.Event) (*corev1.Event, error) {
	sink, err := r.sink(event)
	if err != nil {
		return nil, err
	}
	return sink.Create(event)
}

// Update implements record.EventSink.
func (r reporters) Update(event *corev1.Event) (*corev1.Event, error) {
	sink, err := r.sink(event)
	if err != nil {
		return nil, err
	}
	return sink.Update(event)
}

// Patch implements record.EventSink.
func (r reporters) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	sink, err := r.sink(event)
	if err != nil {
		return nil, err
	}
	return sink.Patch(event, data)
}
