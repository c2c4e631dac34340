package localcache

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	watchcache "github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Source is where the objects are.
type Source struct {
	Cache *watchcache.Cache
	Rows  []*resource.Resource
}

// New returns a cache over the source. options are controller-runtime's: its Scheme and Mapper should be set, so that
// nothing has to be discovered. config is used for kinds that the source does not have.
func New(source Source, config *rest.Config, options cache.Options) (cache.Cache, error) {
	rows := map[schema.GroupVersionKind]*resource.Resource{}
	for _, row := range source.Rows {
		storage := row.Storage()
		if row.Virtual || row.StoragePrefix == "" || storage == nil || storage.FromStorage != nil {
			continue
		}
		rows[row.GroupVersionKind(storage.Name)] = row
	}
	b := &builder{cache: source.Cache, rows: rows, options: options, among: &order{whole: source.Cache.WaitFor}}
	options.NewInformer = b.informer
	options.DefaultUnsafeDisableDeepCopy = ptr.To(true)
	made, err := cache.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("making local cache: %w", err)
	}
	return made, nil
}

type builder struct {
	cache   *watchcache.Cache
	rows    map[schema.GroupVersionKind]*resource.Resource
	options cache.Options
	among   *order
}

// informer makes the informer of one kind.
func (b *builder) informer(ordinary toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	if v, ok := b.view(example); ok {
		return newInformer(v, example, indexers, b.among)
	}
	return toolscache.NewSharedIndexInformer(ordinary, example, resync, indexers)
}

// view is the kind of example in the watch cache, if that has it.
func (b *builder) view(example runtime.Object) (*view, bool) {
	if _, untyped := example.(runtime.Unstructured); untyped || len(b.options.DefaultNamespaces) > 0 {
		return nil, false
	}
	kind, err := apiutil.GVKForObject(example, b.options.Scheme)
	if err != nil {
		return nil, false
	}
	row := b.rows[kind]
	if row == nil {
		return nil, false
	}
	held, ok := b.cache.Resource(storage.Root + row.StoragePrefix + "/")
	if !ok {
		return nil, false
	}
	_, partial := example.(*metav1.PartialObjectMetadata)
	v := &view{held: held, row: row, partial: partial, labels: b.options.DefaultLabelSelector, fields: b.options.DefaultFieldSelector}
	for object, narrowed := range b.options.ByObject {
		of, err := apiutil.GVKForObject(object, b.options.Scheme)
		if err != nil || of != kind {
			continue
		}
		if len(narrowed.Namespaces) > 0 {
			return nil, false
		}
		if narrowed.Label != nil {
			v.labels = narrowed.Label
		}
		if narrowed.Field != nil {
			v.fields = narrowed.Field
		}
	}
	return v, true
}
