package fieldmanager

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
)

// beforeFirstApply owns what an object had when its fields were not tracked yet.
const beforeFirstApply = "before-first-apply"

// Apply returns live with the configuration merged into it, which may have no defaults yet.
func (m *Managers) Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted Configuration) (resource.Object, error) {
	if wanted.Parsed == nil {
		wanted.Parsed = Parse(wanted.Data)
	}
	configuration, err := readApplied(wanted)
	if err != nil {
		return nil, err
	}
	merged, err := m.applyByPlan(row, kind, live, configuration, wanted)
	if errors.Is(err, merge.ErrNoPlan) {
		return m.reference.Apply(row, kind, live, wanted)
	}
	return merged, err
}

// applyByPlan fails with ErrNoPlan where it is not sure to do as structured-merge-diff does.
func (m *Managers) applyByPlan(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, configuration *unstructured.Unstructured, wanted Configuration) (resource.Object, error) {
	if configuration.GroupVersionKind() != kind {
		return nil, merge.ErrNoPlan
	}
	plan, err := m.planOf(live)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", merge.ErrNoPlan, err)
	}
	if wanted.Manager == "" {
		wanted.Manager = "unknown"
	}
	a := &application{
		Configuration: wanted, plan: plan, live: live, kind: kind, now: m.now(wanted.Subresource),
		who:   id{manager: wanted.Manager, version: kind.GroupVersion().String(), subresource: wanted.Subresource, operation: metav1.ManagedFieldsOperationApply},
		reset: m.reset(row, wanted.Subresource),
	}
	return a.run(m, configuration)
}

// now is when a write happens. Upstream keeps no time of what is scaled.
func (m *Managers) now(subresource string) *metav1.Time {
	if subresource == "scale" {
		return nil
	}
	return &metav1.Time{Time: m.clock.Now().UTC().Truncate(time.Second)}
}

// application is one configuration that is applied to one object.
type application struct {
	Configuration
	plan  *merge.Plan
	live  resource.Object
	kind  schema.GroupVersionKind
	who   id
	reset paths.Set
	now   *metav1.Time
}

// run merges the configuration, moves fields between the managers, and returns the object.
func (a *application) run(m *Managers, configuration *unstructured.Unstructured) (resource.Object, error) {
	owned, err := a.managers(m)
	if err != nil {
		return nil, err
	}
	merged := copyUnmanaged(a.live)
	into := rootOf(merged)
	done, err := a.plan.Merge(into, configuration.Object)
	if err != nil {
		return nil, err
	}
	mine, taken := done.Owned.WithoutBelow(a.reset), done.Taken.WithoutBelow(a.reset)
	others, last, err := owned.split(a.who)
	if err != nil {
		return nil, err
	}
	removed, err := a.prune(into, last, mine, others, len(mine) == len(done.Owned))
	if err != nil {
		return nil, err
	}
	if !a.Force {
		clashes, err := others.clashes(taken)
		if err != nil {
			return nil, err
		}
		if len(clashes) > 0 && a.appliedByClient() {
			return nil, merge.ErrNoPlan // some may be none
		}
		if len(clashes) > 0 {
			return nil, conflictOf(clashes)
		}
	}
	if owned, err = others.lose(taken, removed); err != nil {
		return nil, err
	}
	changed := done.Moved || len(done.Taken) > 0 || len(removed) > 0
	append(owned, a.entry(last, mine, changed)).drop().writeTo(merged)
	return merged, a.remember(merged, configuration)
}

// managers are the entries before the write.
func (a *application) managers(m *Managers) (entries, error) {
	owned, ok := treesOf(a.live)
	var err error
	if !ok {
		list := a.live.GetManagedFields()
		owned, err = readEntries(list, m.trusted(list), &m.known)
	}
	if err != nil || slices.ContainsFunc(owned, func(e *entry) bool { return e.version != a.who.version }) {
		return nil, merge.ErrNoPlan
	}
	if len(owned) == 0 {
		before := a.who
		before.manager, before.operation = beforeFirstApply, metav1.ManagedFieldsOperationUpdate
		return m.track(a.plan, owned, before, a.reset, blank(a.live), a.live)
	}
	for _, one := range owned {
		if err := one.parse(); err != nil {
			return nil, fmt.Errorf("%w: %w", merge.ErrNoPlan, err)
		}
		if !a.plan.Suits(one.fields) {
			return nil, merge.ErrNoPlan
		}
	}
	return owned.drop(), nil
}

// split returns the entries of all others, and the one of a manager, which may be nil.
func (e entries) split(who id) (others entries, mine *entry, err error) {
	for _, one := range e {
		if !one.same(who) {
			others = append(others, one)
			continue
		}
		mine = one
		if err := one.parse(); err != nil {
			return nil, nil, err
		}
	}
	return others, mine, nil
}

// prune removes what is not applied any more.
func (a *application) prune(merged reflect.Value, last *entry, mine paths.Set, others entries, all bool) (paths.Set, error) {
	if last == nil {
		return nil, nil
	}
	if left, _ := last.fields.Without(mine); len(left) == 0 {
		return nil, nil // all of it is applied again
	}
	if !all {
		return nil, merge.ErrNoPlan
	}
	managed := mine
	for _, one := range others {
		if err := one.parse(); err != nil {
			return nil, err
		}
		managed = managed.Union(one.fields)
	}
	removed, err := a.plan.Prune(merged, last.fields, managed)
	return removed.WithoutBelow(a.reset), err
}

// entry is what the manager owns from now on. Who changed nothing keeps the time.
func (a *application) entry(last *entry, mine paths.Set, changed bool) *entry {
	mine, _ = mine.Without(stripped)
	one := &entry{id: a.who, fields: mine, parsed: true}
	switch {
	case changed:
		one.time = a.now
	case last != nil:
		one.time = last.time
	}
	if last != nil && last.raw != nil {
		if raw := mine.AppendFields(make([]byte, 0, len(last.raw)+16)); bytes.Equal(raw, last.raw) {
			one.raw = last.raw
		} else {
			one.raw = raw
		}
	}
	return one
}

// unmanaged is a shallow copy of an object of a Go type, without managedFields.
func unmanaged(obj resource.Object) resource.Object {
	bare := reflect.New(reflect.TypeOf(obj).Elem())
	bare.Elem().Set(reflect.ValueOf(obj).Elem())
	copied := bare.Interface().(resource.Object)
	copied.SetManagedFields(nil)
	return copied
}
