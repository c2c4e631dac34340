package authtest

import (
	"context"
	"sort"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Lister holds objects in memory.
type Lister struct {
	mu      sync.Mutex
	objects map[schema.GroupResource]map[string]resource.Object
	changed int64
}

var _ auth.Lister = &Lister{}

// New returns a lister of the objects, which must carry their kinds in TypeMeta or be of k8s.io/api types whose
// resource Add is told.
func New() *Lister {
	return &Lister{objects: map[schema.GroupResource]map[string]resource.Object{}}
}

// Add puts objects of one resource ("pods", "roles.rbac.authorization.k8s.io") in place of their namesakes.
func (l *Lister) Add(of string, objects ...resource.Object) *Lister {
	l.mu.Lock()
	defer l.mu.Unlock()
	gr := schema.ParseGroupResource(of)
	if l.objects[gr] == nil {
		l.objects[gr] = map[string]resource.Object{}
	}
	for _, obj := range objects {
		l.objects[gr][obj.GetNamespace()+"/"+obj.GetName()] = obj
	}
	l.changed++
	return l
}

// Remove takes an object out.
func (l *Lister) Remove(of, namespace, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.objects[schema.ParseGroupResource(of)], namespace+"/"+name)
	l.changed++
}

// Get implements auth.Lister.
func (l *Lister) Get(of schema.GroupResource, namespace, name string) (resource.Object, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	obj, ok := l.objects[of][namespace+"/"+name]
	return obj, ok
}

// Each implements auth.Lister.
func (l *Lister) Each(of schema.GroupResource, namespace string, yield func(resource.Object) bool) {
	l.mu.Lock()
	var keys []string
	for key := range l.objects[of] {
		if namespace == "" || strings.HasPrefix(key, namespace+"/") {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	var found []resource.Object
	for _, key := range keys {
		found = append(found, l.objects[of][key])
	}
	l.mu.Unlock()
	for _, obj := range found {
		if !yield(obj) {
			return
		}
	}
}

// Changed implements auth.Lister.
func (l *Lister) Changed(schema.GroupResource) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Sync implements auth.Lister: what was added is seen at once.
func (l *Lister) Sync(ctx context.Context) error { return ctx.Err() }

// AddAll adds objects of several kinds, guessing the resource from the kind in TypeMeta.
func (l *Lister) AddAll(objects ...resource.Object) *Lister {
	for _, obj := range objects {
		plural, _ := meta.UnsafeGuessKindToResource(obj.GetObjectKind().GroupVersionKind())
		l.Add(plural.GroupResource().String(), obj)
	}
	return l
}
