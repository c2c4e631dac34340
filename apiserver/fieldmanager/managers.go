package fieldmanager

import (
	"errors"
	"reflect"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
)

// Managers keeps the managed fields of every kind. It is safe for concurrent use.
type Managers struct {
	generic *Generic // nil for a kind without a Go type
	// reference decides where plans are not sure.
	reference Reference
	planner   merge.Planner
	// untyped is the plan of a kind without a Go type; nil for all others. So is resetPaths.
	untyped    func() (*merge.Plan, error)
	resetPaths func(subresource string) [][]string
	known      paths.Known
	resets     sync.Map // of resetKey to Set
	clock      clock.PassiveClock
}

type resetKey struct {
	row         *resource.Resource
	subresource string
}

// reset are the fields that a write cannot change, and so does not come to own.
func (m *Managers) reset(row *resource.Resource, subresource string) paths.Set {
	key := resetKey{row: row, subresource: subresource}
	if known, ok := m.resets.Load(key); ok {
		return known.(paths.Set)
	}
	of := resetPaths
	if m.resetPaths != nil {
		of = func(_ *resource.Resource, subresource string) [][]string { return m.resetPaths(subresource) }
	}
	set := paths.Of(of(row, subresource)...)
	m.resets.Store(key, set)
	return set
}

// New returns the field manager of all types of the scheme. It reads no schema before it needs it.
func New(scheme *runtime.Scheme) *Managers {
	generic := &Generic{Scheme: scheme}
	return &Managers{generic: generic, reference: generic, clock: clock.RealClock{}}
}

// stripped are never owned by anybody: what the server sets, and what names the object.
var stripped = paths.Set{
	{Element: "f:apiVersion", Member: true},
	{Element: "f:kind", Member: true},
	{Element: "f:metadata", Member: true, Children: paths.Set{
		{Element: "f:clusterName", Member: true},
		{Element: "f:creationTimestamp", Member: true},
		{Element: "f:generation", Member: true},
		{Element: "f:managedFields", Member: true},
		{Element: "f:name", Member: true},
		{Element: "f:namespace", Member: true},
		{Element: "f:resourceVersion", Member: true},
		{Element: "f:selfLink", Member: true},
		{Element: "f:uid", Member: true},
	}},
}

// Update returns obj with the fields that differ from live owned by the manager, and taken from all others. A live object without a UID
// is a creation.
func (m *Managers) Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error) {
	if sub := row.Subresource(subresource); sub != nil && sub.Action {
		// What the server does by itself on a request (a binding) is owned by nobody.
		obj.SetManagedFields(live.GetManagedFields())
		return obj, nil
	}
	owned := m.current(live, obj, subresource)
	version := kind.GroupVersion().String()
	otherVersion := func(e *entry) bool { return e.version != version }
	if slices.ContainsFunc(owned, otherVersion) {
		return m.reference.Update(row, kind, live, obj, manager, subresource)
	}
	if len(owned) == 0 && live.GetUID() != "" {
		// What was never tracked is not, until a configuration is applied to it.
		obj.SetManagedFields(nil)
		return obj, nil
	}
	plan, err := m.planOf(obj)
	if err != nil {
		return m.reference.Update(row, kind, live, obj, manager, subresource)
	}
	if manager == "" {
		manager = "unknown"
	}
	who := id{manager: manager, version: version, subresource: subresource, operation: metav1.ManagedFieldsOperationUpdate}
	owned, err = m.track(plan, owned, who, m.reset(row, subresource), live, obj)
	if m.untyped != nil && errors.Is(err, merge.ErrNoPlan) {
		return m.reference.Update(row, kind, live, obj, manager, subresource)
	}
	if err != nil {
		return nil, err
	}
	if m.untyped != nil {
		owned.writeTo(obj)
	} else if stored := live.GetManagedFields(); owned.untouched(stored) {
		obj.SetManagedFields(slices.Clone(stored))
	} else {
		obj.SetManagedFields(owned.write())
	}
	return obj, nil
}

// current are the entries before the write: those that come with obj, or those of live where obj has none or may not have any. A
// list with one empty entry, or with none, starts anew; what cannot be read is owned by nobody.
func (m *Managers) current(live, obj resource.Object, subresource string) entries {
	if owned, ok := treesOf(obj); ok && subresource == "" {
		return owned
	}
	if owned, ok := treesOf(live); ok && subresource != "" {
		return owned
	}
	stored := live.GetManagedFields()
	if subresource == "" {
		sent := obj.GetManagedFields()
		if (sent != nil && len(sent) == 0) || (len(sent) == 1 && reflect.DeepEqual(sent[0], metav1.ManagedFieldsEntry{})) {
			return nil
		}
		if owned, err := readEntries(sent, m.trusted(stored), &m.known); err == nil && len(owned) > 0 {
			return owned
		}
	}
	owned, err := readEntries(stored, m.trusted(stored), &m.known)
	if err != nil {
		return nil
	}
	return owned
}

// trusted are entries that are spelled as they should be. Those of what has no Go type are spelled by encoding/json.
func (m *Managers) trusted(stored []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	if m.untyped != nil {
		return nil
	}
	return stored
}

// track moves fields between the managers after a write.
func (m *Managers) track(plan *merge.Plan, owned entries, who id, reset paths.Set, live, obj resource.Object) (entries, error) {
	owned = owned.drop()
	change, err := plan.Compare(rootOf(live), rootOf(obj))
	if err != nil {
		return nil, err
	}
	if len(change.Taken) == 0 && len(change.Removed) == 0 {
		return owned.limit()
	}
	taken, removed := change.Taken.WithoutBelow(reset), change.Removed.WithoutBelow(reset)
	mine, _ := taken.Without(stripped)
	// The manager itself loses what it takes like all others, and gets it back at once.
	if owned, err = owned.lose(taken, removed); err != nil {
		return nil, err
	}
	if len(mine) > 0 {
		if owned, err = owned.gain(who, mine, m.now(who.subresource)); err != nil {
			return nil, err
		}
	}
	return owned.limit()
}
