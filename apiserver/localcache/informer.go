package localcache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	watchcache "github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// informer is the informer of one kind: a goroutine that follows the watch cache and keeps the index, and one that tells
// all handlers of what has changed meanwhile (see delivery). An ordinary one has four, and two more for each handler.
//
// It cannot miss a change and so never resyncs, which informers may leave out.
type informer struct {
	view     *view
	detector toolscache.MutationDetector
	delivery *delivery

	// changing orders changes of the index, what is told of them, and the coming of handlers.
	changing sync.Mutex
	indexer  toolscache.Indexer

	name     string
	order    *order
	progress *progress
	started  atomic.Bool
	stopped  atomic.Bool
	synced   *signal
}

var (
	_ toolscache.SharedIndexInformer = &informer{}
	_ toolscache.Controller          = &informer{}
)

func newInformer(v *view, example runtime.Object, indexers toolscache.Indexers, among *order) *informer {
	name := fmt.Sprintf("%T of %s", example, v.row.Name)
	return &informer{
		view: v, name: name, order: among, progress: &progress{told: v.held.Told}, detector: toolscache.NewCacheMutationDetector(name), delivery: newDelivery(),
		indexer: toolscache.NewIndexer(toolscache.DeletionHandlingMetaNamespaceKeyFunc, indexers), synced: newSignal(name),
	}
}

// Run implements toolscache.SharedInformer.
func (i *informer) Run(stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	i.RunWithContext(ctx)
}

// RunWithContext implements toolscache.SharedInformer. It returns when no handler is called any more.
func (i *informer) RunWithContext(ctx context.Context) {
	if i.started.Swap(true) {
		return
	}
	stop := make(chan struct{})
	var parts sync.WaitGroup
	parts.Go(func() { i.detector.Run(stop) })
	if i.view.showsAll() { // otherwise nobody knows how far it is
		i.order.join(i.progress)
	}
	i.delivery.await = func(revision int64) bool { return i.order.await(ctx, revision) }
	i.delivery.start()
	i.follow(ctx)
	i.order.leave(i.progress)
	i.stopped.Store(true)
	close(stop)
	i.delivery.stop()
	parts.Wait()
}

// follow keeps the index like the watch cache until ctx ends.
func (i *informer) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := i.once(ctx)
		if ctx.Err() == nil && !errors.Is(err, storage.ErrCompacted) {
			i.order.leave(i.progress)
			log.FromContext(ctx).Error(err, "nothing more is heard of a kind", "kind", i.name)
			<-ctx.Done()
		}
	}
}

// once takes over all there is and follows it until that fails, with storage.ErrCompacted if it has to begin again.
func (i *informer) once(ctx context.Context) error {
	if err := i.view.held.WaitReady(ctx); err != nil {
		return err
	}
	snapshot := i.view.held.Snapshot()
	i.replace(snapshot)
	return i.view.held.Follow(ctx, i.view.watchOptions(snapshot.Revision), func(events []watchcache.Event) bool {
		i.apply(events)
		return true
	})
}

// replace makes the index what the snapshot is, and tells of the difference.
func (i *informer) replace(snapshot watchcache.Snapshot) {
	i.changing.Lock()
	defer i.changing.Unlock()
	told, before := &batch{first: !i.HasSynced()}, i.view.held.Told() // not the snapshot's: a store that was restored may not get there for long
	kept := map[string]bool{}
	snapshot.Ascend("", "", func(entry *watchcache.Entry) bool {
		good := entry.Good()
		if good == nil || !i.view.matches(good.Object) {
			return true
		}
		kept[toolscache.NewObjectName(good.Namespace, good.Name).String()] = true
		told.add(i.set(good.Object), before)
		return true
	})
	for _, key := range i.indexer.ListKeys() {
		if gone, ok, _ := i.indexer.GetByKey(key); ok && !kept[key] {
			_ = i.indexer.Delete(gone)
			told.add(notice{kind: watch.Deleted, key: key, now: toolscache.DeletedFinalStateUnknown{Key: key, Obj: gone}}, before)
		}
	}
	i.progress.reach(snapshot.Revision)
	i.delivery.tell(told)
	i.synced.set()
}

// apply takes over changes, and tells of them.
func (i *informer) apply(events []watchcache.Event) {
	i.changing.Lock()
	defer i.changing.Unlock()
	told := &batch{notices: make([]notice, 0, len(events))}
	for n := range events {
		e := &events[n]
		switch {
		case e.Entry == nil:
		case e.Type == watch.Deleted:
			gone := i.view.shown(e.Entry.Object)
			_ = i.indexer.Delete(gone)
			told.add(notice{kind: watch.Deleted, key: keyOf(gone), now: gone}, e.Revision)
		default:
			told.add(i.set(e.Entry.Object), e.Revision)
		}
	}
	if len(events) > 0 {
		i.progress.reach(events[len(events)-1].Revision)
	}
	i.delivery.tell(told)
}

// set puts an object into the index. There is nothing to tell, and no kind, if it is there already.
func (i *informer) set(obj runtime.Object) notice {
	key := keyOf(obj)
	old, had, _ := i.indexer.GetByKey(key)
	now := i.view.shown(obj)
	i.detector.AddObject(now)
	_ = i.indexer.Update(now)
	switch {
	case !had:
		return notice{kind: watch.Added, key: key, now: now}
	case same(old, now):
		return notice{}
	}
	return notice{kind: watch.Modified, key: key, old: old, now: now}
}

// same tells whether two objects of a name are one, unchanged.
func same(old, now any) bool {
	a, b := old.(metav1.Object), now.(metav1.Object)
	return a.GetResourceVersion() == b.GetResourceVersion() && a.GetUID() == b.GetUID()
}

// keyOf is the key of an object in the index.
func keyOf(obj any) string {
	key, err := toolscache.DeletionHandlingMetaNamespaceKeyFunc(obj)
	if err != nil {
		return "" // everything that the watch cache holds has metadata
	}
	return key
}

// AddEventHandler implements toolscache.SharedInformer.
func (i *informer) AddEventHandler(to toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(to, toolscache.HandlerOptions{})
}

// AddEventHandlerWithResyncPeriod implements toolscache.SharedInformer. There are no resyncs.
func (i *informer) AddEventHandlerWithResyncPeriod(to toolscache.ResourceEventHandler, _ time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(to, toolscache.HandlerOptions{})
}

// AddEventHandlerWithOptions implements toolscache.SharedInformer. A handler that comes later is first told of all there is.
func (i *informer) AddEventHandlerWithOptions(to toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	if i.stopped.Load() {
		return nil, fmt.Errorf("adding a handler to the informer of %s: it has stopped", i.name)
	}
	i.changing.Lock()
	defer i.changing.Unlock()
	if !i.HasSynced() {
		return i.delivery.join(i.name, to, nil), nil
	}
	all := i.indexer.List()
	told := &batch{first: true, notices: make([]notice, 0, len(all))}
	for _, obj := range all {
		told.add(notice{kind: watch.Added, key: keyOf(obj), now: obj}, 0)
	}
	return i.delivery.join(i.name, to, told), nil
}

// RemoveEventHandler implements toolscache.SharedInformer.
func (i *informer) RemoveEventHandler(handle toolscache.ResourceEventHandlerRegistration) error {
	l, ok := handle.(*listener)
	if !ok {
		return fmt.Errorf("removing a handler from the informer of %s: it is not one of its own", i.name)
	}
	i.delivery.leave(l)
	return nil
}

// AddIndexers implements toolscache.SharedIndexInformer.
func (i *informer) AddIndexers(indexers toolscache.Indexers) error {
	if i.stopped.Load() {
		return fmt.Errorf("adding an index to the informer of %s: it has stopped", i.name)
	}
	i.changing.Lock()
	defer i.changing.Unlock()
	return i.indexer.AddIndexers(indexers)
}

// SetTransform implements toolscache.SharedInformer. Objects that everybody shares cannot be changed.
func (i *informer) SetTransform(transform toolscache.TransformFunc) error {
	if transform != nil {
		return fmt.Errorf("transforming %s: its objects are those of the API server", i.name)
	}
	return nil
}

// GetStore implements toolscache.SharedInformer.
func (i *informer) GetStore() toolscache.Store { return i.indexer }

// GetIndexer implements toolscache.SharedIndexInformer.
func (i *informer) GetIndexer() toolscache.Indexer { return i.indexer }

// GetController implements toolscache.SharedInformer.
func (i *informer) GetController() toolscache.Controller { return i }

// HasSynced implements toolscache.SharedInformer: the index has been filled.
func (i *informer) HasSynced() bool { return toolscache.IsDone(i.synced) }

// HasSyncedChecker implements toolscache.SharedInformer.
func (i *informer) HasSyncedChecker() toolscache.DoneChecker { return i.synced }

// LastSyncResourceVersion implements toolscache.SharedInformer.
func (i *informer) LastSyncResourceVersion() string {
	return strconv.FormatInt(i.progress.revision.Load(), 10)
}

// IsStopped implements toolscache.SharedInformer.
func (i *informer) IsStopped() bool { return i.stopped.Load() }

// SetWatchErrorHandler implements toolscache.SharedInformer. There is no connection that could fail.
func (i *informer) SetWatchErrorHandler(toolscache.WatchErrorHandler) error { return nil }

// SetWatchErrorHandlerWithContext implements toolscache.SharedInformer.
func (i *informer) SetWatchErrorHandlerWithContext(toolscache.WatchErrorHandlerWithContext) error {
	return nil
}
