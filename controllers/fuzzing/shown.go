package fuzzing

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// shown is a cache that shows any objects. Reads are answered at random, whatever it has shown.
type shown struct {
	client.Reader
	cache.Informers // nil: what no controller asks for
	source          *Source
	scheme          *runtime.Scheme

	mu        sync.Mutex
	informers map[string]*informer
}

func newShown(s *Source, reader client.Reader, scheme *runtime.Scheme) *shown {
	return &shown{Reader: reader, source: s, scheme: scheme, informers: map[string]*informer{}}
}

// GetInformer implements cache.Informers.
func (c *shown) GetInformer(_ context.Context, obj client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return c.informer(obj)
}

// informer returns that of a kind, or of the metadata of one.
func (c *shown) informer(obj client.Object) (*informer, error) {
	kind, err := apiutil.GVKForObject(obj, c.scheme)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("%T %s", obj, kind)
	if c.informers[name] == nil {
		example := obj.DeepCopyObject().(client.Object)
		example.GetObjectKind().SetGroupVersionKind(kind)
		c.informers[name] = &informer{name: name, example: example, store: toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{
			toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc,
		})}
	}
	return c.informers[name], nil
}

// RemoveInformer implements cache.Informers.
func (c *shown) RemoveInformer(context.Context, client.Object) error { return nil }

// WaitForCacheSync implements cache.Informers.
func (c *shown) WaitForCacheSync(context.Context) bool { return true }

// IndexField implements client.FieldIndexer.
func (c *shown) IndexField(_ context.Context, obj client.Object, _ string, values client.IndexerFunc) error {
	i, err := c.informer(obj)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.indexes = append(i.indexes, values)
	return nil
}

func (c *shown) all() []*informer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*informer
	for _, name := range slices.Sorted(maps.Keys(c.informers)) {
		all = append(all, c.informers[name])
	}
	return all
}

func (c *shown) kinds() []string {
	var all []string
	for _, i := range c.all() {
		if handlers, _ := i.listeners(); len(handlers) > 0 {
			all = append(all, i.name)
		}
	}
	return all
}

// show has objects of all kinds come, change and go.
func (c *shown) show() []error {
	var wrong []error
	for _, i := range c.all() {
		for range 2 {
			old := i.object(c.source)
			changed := i.object(c.source)
			changed.SetName(old.GetName())
			changed.SetNamespace(old.GetNamespace())
			changed.SetUID(old.GetUID())
			wrong = append(wrong, i.tell(old, changed)...)
		}
	}
	return wrong
}

// informer tells of objects of a kind.
type informer struct {
	toolscache.SharedIndexInformer // nil: what no controller asks for
	name                           string
	example                        client.Object
	store                          toolscache.Indexer

	mu       sync.Mutex
	handlers []toolscache.ResourceEventHandler
	indexes  []client.IndexerFunc
}

// object is any object that may be stored: one that has a name. What else is odd about it is chance.
func (i *informer) object(s *Source) client.Object {
	o := reflect.New(reflect.TypeOf(i.example).Elem()).Interface().(client.Object)
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.Object = map[string]any{}
		meta := &metav1.ObjectMeta{}
		s.Fill(meta)
		u.Object["metadata"], _ = runtime.DefaultUnstructuredConverter.ToUnstructured(meta)
	} else {
		s.Fill(o)
	}
	o.GetObjectKind().SetGroupVersionKind(i.example.GetObjectKind().GroupVersionKind())
	o.SetName(s.pick("a", "b", "web-0", "web-7"))
	if o.GetNamespace() != "" {
		o.SetNamespace(s.pick("a", "b", "default"))
	}
	if o.GetUID() == "" {
		o.SetUID(types.UID(s.pick("a", "b", "web-0")))
	}
	return o
}

// tell has all handlers and indexes see an object come, change and go.
func (i *informer) tell(old, changed client.Object) []error {
	handlers, indexes := i.listeners()
	var wrong []error
	try := func(what string, f func()) {
		defer func() {
			if r := recover(); r != nil {
				wrong = append(wrong, named(what+" of "+i.name, r, debug.Stack()))
			}
		}()
		f()
	}
	for _, values := range indexes {
		try("index", func() { values(old) })
	}
	_ = i.store.Add(old)
	for _, h := range handlers {
		try("coming", func() { h.OnAdd(old, true) })
	}
	_ = i.store.Update(changed)
	for _, h := range handlers {
		try("change", func() { h.OnUpdate(old, changed) })
	}
	if len(changed.GetFinalizers()) > 0 {
		return wrong // it stays
	}
	_ = i.store.Delete(changed)
	for n, h := range handlers {
		var last any = changed
		if n%2 == 1 { // its end was missed
			last = toolscache.DeletedFinalStateUnknown{Key: toolscache.MetaObjectToName(changed).String(), Obj: changed}
		}
		try("end", func() { h.OnDelete(last) })
	}
	return wrong
}

func (i *informer) listeners() ([]toolscache.ResourceEventHandler, []client.IndexerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.handlers), slices.Clone(i.indexes)
}

// AddEventHandler implements cache.Informer.
func (i *informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handlers = append(i.handlers, h)
	return heard{}, nil
}

// AddEventHandlerWithOptions implements cache.Informer.
func (i *informer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(h)
}

// RemoveEventHandler implements cache.Informer. Who is told longer than it listens must not fall over either.
func (i *informer) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error { return nil }

// GetStore implements toolscache.SharedInformer.
func (i *informer) GetStore() toolscache.Store { return i.store }

// GetIndexer implements toolscache.SharedIndexInformer.
func (i *informer) GetIndexer() toolscache.Indexer { return i.store }

// HasSynced implements cache.Informer.
func (i *informer) HasSynced() bool { return true }

// IsStopped implements cache.Informer.
func (i *informer) IsStopped() bool { return false }

// heard is the registration of a handler that has heard of all that there was.
type heard struct {
	toolscache.ResourceEventHandlerRegistration // nil: what no controller asks for
}

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (heard) HasSynced() bool { return true }
