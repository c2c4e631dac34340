package kinds

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Kind is a row and where its objects are kept.
type Kind struct {
	Row      *resource.Resource
	Storage  *resource.Version
	StoredAs schema.GroupVersionKind
	Prefix   string          // of keys, with a slash at its end
	Cached   *cache.Resource // nil for virtual rows
	Hooks    Hooks
	Custom   *Custom // nil for kinds that have a Go type
	// Shared are the encodings of packed objects.
	Shared packed.Shared
	// known is Served.Known of the row.
	known func(value []byte) resource.Object
	// empties are found out when the first object is written.
	empties lazy[*codec.Empties]
	// nothing is what there is before an object is made.
	nothing lazy[resource.Object]
	packer  *packed.Packer // of definitions alone, whose objects the watch cache keeps packed
}

// Nothing is an object with nothing in it, which everybody has and nobody changes: what there is before one is made.
func (k *Kind) Nothing() resource.Object {
	return k.nothing.get(func() resource.Object { return k.Storage.New() })
}

// emptiesOf are those of what is stored.
func (k *Kind) emptiesOf() *codec.Empties {
	return k.empties.get(func() *codec.Empties { return codec.EmptiesOf(reflect.TypeOf(k.Storage.New())) })
}

// lazy is a value that is made once, when it is first asked for. A server has two of each of hundreds of kinds, and needs few.
type lazy[T any] struct {
	once  sync.Once
	value T
}

func (l *lazy[T]) get(made func() T) T {
	l.once.Do(func() { l.value = made() })
	return l.value
}

// Decode reads a stored value.
func (k *Kind) Decode(value []byte, revision int64) (runtime.Object, error) {
	if k.Custom != nil {
		obj, err := k.Custom.Codec.Decode(value)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", k.Row.Name, err)
		}
		obj.SetResourceVersion(strconv.FormatInt(revision, 10))
		return obj, nil
	}
	if k.known != nil {
		if obj := k.known(value); obj != nil {
			obj.SetResourceVersion(strconv.FormatInt(revision, 10))
			return obj, nil
		}
	}
	version := k.Storage
	if stored, err := codec.PeekKind(value); err == nil && stored.Version != version.Name {
		if other := k.Row.Version(stored.Version); other != nil && other.ToStorage != nil {
			version = other
		}
	}
	obj := version.New()
	if _, err := codec.DecodeStored(value, obj); err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.Row.Name, err)
	}
	if version.Default != nil {
		version.Default(obj)
	}
	if version != k.Storage {
		converted, err := version.ToStorage(obj)
		if err != nil {
			return nil, fmt.Errorf("converting %s: %w", k.Row.Name, err)
		}
		obj = converted
	}
	obj.GetObjectKind().SetGroupVersionKind(k.StoredAs)
	obj.SetResourceVersion(strconv.FormatInt(revision, 10))
	return obj, nil
}

// Key of an object.
func (k *Kind) Key(namespace, name string) string {
	if k.Row.Namespaced {
		return k.Prefix + namespace + "/" + name
	}
	return k.Prefix + name
}

// routeOf lets the watchers of one node's pods be found without looking at all others.
func routeOf(row *resource.Resource) func(runtime.Object) string {
	if row.Group != "" || row.Name != "pods" || !slices.Contains(row.FieldNames, nodeNameField) {
		return nil
	}
	return func(obj runtime.Object) string {
		if pod, ok := obj.(*corev1.Pod); ok { // whose other fields need not be told
			return pod.Spec.NodeName
		}
		return row.Fields(obj.(resource.Object))[nodeNameField]
	}
}

// RoutedBy is the field by whose value watchers of the kind are found; "" where there is none.
func (k *Kind) RoutedBy() string {
	if routeOf(k.Row) == nil {
		return ""
	}
	return nodeNameField
}

// nodeNameField is the field by which a kubelet selects its pods.
const nodeNameField = "spec.nodeName"
