package garbagecollector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// syncTimeout is how long a kind that does not answer holds the collector up.
const syncTimeout = 30 * time.Second

// followUps are when discovery is asked again after a CRD or APIService changed: it
// follows them with a delay.
var followUps = []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}

type queue = workqueue.TypedRateLimitingInterface[types.UID]

type resourceKind = schema.GroupVersionKind

type monitor struct {
	registration toolscache.ResourceEventHandlerRegistration
}

// monitors is the source of the controller's queue: it watches the metadata of every
// kind that can be deleted.
type monitors struct {
	controller *Controller
	cache      cache.Cache
	discovery  discovery.DiscoveryInterface
	changed    chan struct{} // a CRD or APIService did
	failures   prometheus.Counter

	mu      sync.Mutex
	watched map[resourceKind]*monitor
}

// Start begins to watch. It does not wait.
func (m *monitors) Start(ctx context.Context, q queue) error {
	m.sync(ctx, q)
	go m.follow(ctx, q)
	return nil
}

// WaitForSync waits until the graph holds what was there at the start. A kind that takes
// too long is not waited for.
func (m *monitors) WaitForSync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	toolscache.WaitForCacheSync(ctx.Done(), m.synced()...)
	return nil
}

func (m *monitors) synced() []toolscache.InformerSynced {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []toolscache.InformerSynced
	for _, watched := range m.watched {
		out = append(out, watched.registration.HasSynced)
	}
	return out
}

// follow looks at discovery again after changes of CRDs and APIServices.
func (m *monitors) follow(ctx context.Context, q queue) {
	step := len(followUps)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.changed:
			step = 0
		case <-timer.C:
			complete := m.sync(ctx, q)
			step++
			if step == len(followUps) && !complete {
				step-- // a group does not answer yet
			}
		}
		if step < len(followUps) {
			timer.Reset(followUps[step])
		}
	}
}

// sync watches the kinds that discovery names and forgets those that are gone. It says
// whether every group answered.
func (m *monitors) sync(ctx context.Context, q queue) bool {
	kinds, err := m.kinds()
	if err != nil {
		m.failures.Inc()
		log.FromContext(ctx).V(1).Info("discovery is incomplete", "error", err.Error())
	}
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		m.notify() // try again
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	added := false
	for _, kind := range kinds {
		if m.watched[kind] != nil {
			continue
		}
		if watchErr := m.watch(ctx, kind, q); watchErr != nil {
			m.failures.Inc()
			log.FromContext(ctx).Error(watchErr, "cannot watch kind", "kind", kind)
			continue
		}
		added = true
	}
	if err == nil {
		m.drop(ctx, kinds, q)
	}
	if added {
		for _, uid := range m.controller.takeUnresolved() {
			q.Add(uid)
		}
	}
	return err == nil
}

func (m *monitors) drop(ctx context.Context, served []resourceKind, q queue) {
	for kind := range m.watched {
		if slices.Contains(served, kind) {
			continue
		}
		obj := &metav1.PartialObjectMetadata{}
		obj.SetGroupVersionKind(kind)
		if err := m.cache.RemoveInformer(ctx, obj); err != nil {
			log.FromContext(ctx).Error(err, "cannot stop watching kind", "kind", kind)
			continue
		}
		delete(m.watched, kind)
		for _, uid := range m.controller.graph.forgetKind(kind) {
			q.Add(uid)
		}
	}
}

func (m *monitors) watch(ctx context.Context, kind resourceKind, q queue) error {
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(kind)
	informer, err := m.cache.GetInformer(ctx, obj, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("getting informer: %w", err)
	}
	registration, err := informer.AddEventHandler(m.handler(kind, q))
	if err != nil {
		return fmt.Errorf("adding handler: %w", err)
	}
	m.watched[kind] = &monitor{registration: registration}
	return nil
}

// handler keeps the graph and queues what must be looked at.
func (m *monitors) handler(kind resourceKind, q queue) toolscache.ResourceEventHandler {
	extends := kind.Kind == "CustomResourceDefinition" || kind.Kind == "APIService"
	observe := func(obj any) {
		accessor, ok := obj.(metav1.Object)
		if !ok {
			return
		}
		for _, uid := range m.controller.graph.observe(nodeOf(kind, accessor)) {
			q.Add(uid)
		}
		if extends {
			m.notify()
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    observe,
		UpdateFunc: func(_, obj any) { observe(obj) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			accessor, ok := obj.(metav1.Object)
			if !ok {
				return
			}
			gone := nodeOf(kind, accessor)
			for _, uid := range m.controller.graph.remove(gone.uid, gone.identity) {
				q.Add(uid)
			}
			if extends {
				m.notify()
			}
		},
	}
}

func (m *monitors) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func nodeOf(kind resourceKind, obj metav1.Object) *node {
	return &node{
		identity:   identity{gvk: kind, namespace: obj.GetNamespace(), name: obj.GetName()},
		uid:        obj.GetUID(),
		owners:     obj.GetOwnerReferences(),
		deleting:   obj.GetDeletionTimestamp() != nil,
		foreground: slices.Contains(obj.GetFinalizers(), metav1.FinalizerDeleteDependents),
		orphan:     slices.Contains(obj.GetFinalizers(), metav1.FinalizerOrphanDependents),
	}
}

// kinds lists, by discovery, what can be watched and deleted. Events are not: there are
// many and nothing owns them.
func (m *monitors) kinds() ([]resourceKind, error) {
	lists, err := m.discovery.ServerPreferredResources()
	var out []resourceKind
	for _, list := range lists {
		gv, parseErr := schema.ParseGroupVersion(list.GroupVersion)
		if parseErr != nil {
			continue
		}
		for _, resource := range list.APIResources {
			group, version := cmp.Or(resource.Group, gv.Group), cmp.Or(resource.Version, gv.Version)
			event := resource.Name == "events" && (group == "" || group == "events.k8s.io")
			if event || strings.Contains(resource.Name, "/") || !can(resource.Verbs, "delete", "list", "watch") {
				continue
			}
			out = append(out, resourceKind{Group: group, Version: version, Kind: resource.Kind})
		}
	}
	return out, err
}

func can(verbs metav1.Verbs, wanted ...string) bool {
	for _, verb := range wanted {
		if !slices.Contains(verbs, verb) {
			return false
		}
	}
	return true
}
