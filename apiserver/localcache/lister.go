package localcache

import (
	"context"
	"errors"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	watchcache "github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// nodeNameField is the field that the watch cache routes pods by.
const nodeNameField = "spec.nodeName"

// lister lists and watches one kind out of the watch cache.
type lister struct {
	held    *watchcache.Resource
	row     *resource.Resource
	partial bool
	labels  labels.Selector
	fields  fields.Selector
}

var _ toolscache.ListerWatcherWithContext = &lister{}

// IsWatchListSemanticsUnSupported keeps reflectors from asking for a streamed list: a list costs nothing here.
func (l *lister) IsWatchListSemanticsUnSupported() bool { return true }

// List implements toolscache.ListerWatcher.
func (l *lister) List(options metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), options)
}

// Watch implements toolscache.ListerWatcher.
func (l *lister) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), options)
}

// ListWithContext implements toolscache.ListerWatcherWithContext.
func (l *lister) ListWithContext(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	if err := l.held.WaitReady(ctx); err != nil {
		return nil, err
	}
	snapshot := l.held.Snapshot()
	list := &corev1.List{ListMeta: metav1.ListMeta{ResourceVersion: strconv.FormatInt(snapshot.Revision, 10)}}
	snapshot.Ascend("", "", func(entry *watchcache.Entry) bool {
		if good := entry.Good(); good != nil && l.matches(good.Object) {
			list.Items = append(list.Items, runtime.RawExtension{Object: l.shown(good.Object)})
		}
		return true
	})
	return list, nil
}

// WatchWithContext implements toolscache.ListerWatcherWithContext.
func (l *lister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	o := watchcache.WatchOptions{}
	if options.ResourceVersion != "" {
		after, err := strconv.ParseInt(options.ResourceVersion, 10, 64)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		o.After = after
	}
	if l.labels != nil && !l.labels.Empty() || l.fields != nil && !l.fields.Empty() {
		o.Match = l.matches
	}
	if l.fields != nil && l.row.Name == "pods" {
		o.Route, _ = l.fields.RequiresExactMatch(nodeNameField)
	}
	ctx, cancel := context.WithCancel(ctx)
	watcher, err := l.held.Watch(ctx, o)
	if err != nil {
		cancel()
		return nil, explained(err)
	}
	s := &stream{lister: l, events: make(chan watch.Event), cancel: cancel}
	go s.run(ctx, watcher)
	return s, nil
}

func explained(err error) error {
	if errors.Is(err, storage.ErrCompacted) {
		return apierrors.NewResourceExpired(err.Error())
	}
	return err
}

func (l *lister) matches(obj runtime.Object) bool {
	object := obj.(resource.Object)
	if l.labels != nil && !l.labels.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if l.fields == nil || l.fields.Empty() {
		return true
	}
	set := fields.Set{}
	if l.row.Fields != nil {
		for name, value := range l.row.Fields(object) {
			set[name] = value
		}
	}
	set["metadata.name"], set["metadata.namespace"] = object.GetName(), object.GetNamespace()
	return l.fields.Matches(set)
}

// shown is the object itself, or its metadata, which shares its memory.
func (l *lister) shown(obj runtime.Object) runtime.Object {
	if !l.partial {
		return obj
	}
	shown := &metav1.PartialObjectMetadata{}
	if accessor, err := meta.Accessor(obj); err == nil {
		if typed, ok := accessor.(*metav1.ObjectMeta); ok {
			shown.ObjectMeta = *typed
		} else if holder, ok := obj.(metav1.ObjectMetaAccessor); ok {
			if typed, ok := holder.GetObjectMeta().(*metav1.ObjectMeta); ok {
				shown.ObjectMeta = *typed
			}
		}
	}
	shown.SetGroupVersionKind(l.row.GroupVersionKind(l.row.Storage().Name))
	return shown
}

// stream hands the events of a watcher to a reflector.
type stream struct {
	lister *lister
	events chan watch.Event
	cancel context.CancelFunc
}

// Stop implements watch.Interface.
func (s *stream) Stop() { s.cancel() }

// ResultChan implements watch.Interface.
func (s *stream) ResultChan() <-chan watch.Event { return s.events }

func (s *stream) run(ctx context.Context, watcher *watchcache.Watcher) {
	defer close(s.events)
	defer watcher.Stop()
	for {
		events, err := watcher.Next(ctx)
		if err != nil {
			s.fail(ctx, err)
			return
		}
		for i := range events {
			if events[i].Entry == nil {
				continue
			}
			select {
			case s.events <- watch.Event{Type: events[i].Type, Object: s.lister.shown(events[i].Entry.Object)}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// fail tells the reflector to list again, unless it is the one that stopped.
func (s *stream) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	status, ok := explained(err).(apierrors.APIStatus)
	if !ok {
		return
	}
	object := status.Status()
	select {
	case s.events <- watch.Event{Type: watch.Error, Object: &object}:
	case <-ctx.Done():
	}
}
