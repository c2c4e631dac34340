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
	if errors.Is(err, errNoPlan) {
		return m.reference.Apply(row, kind, live, wanted)
	}
	return merged, err
}

// applyByPlan fails with errNoPlan where it is not sure to do as structured-merge-diff does.
func (m *Managers) applyByPlan(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, configuration *unstructured.Unstructured, wanted Configuration) (resource.Object, error) {
	if configuration.GroupVersionKind() != kind {
		return nil, errNoPlan
	}
	plan, err := m.planOf(live)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoPlan, err)
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
	plan  *plan
	live  resource.Object
	kind  schema.GroupVersionKind
	who   id
	reset fieldSet
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
	merging := merger{}
	done, err := merging.merge(a.plan, into, true, configuration.Object)
	if err != nil {
		return nil, err
	}
	mine, taken := done.owned.children.withoutBelow(a.reset), done.taken.children.withoutBelow(a.reset)
	others, last, err := owned.split(a.who)
	if err != nil {
		return nil, err
	}
	removed, err := a.prune(into, last, mine, others, len(mine) == len(done.owned.children))
	if err != nil {
		return nil, err
	}
	if !a.Force {
		clashes, err := others.clashes(taken)
		if err != nil {
			return nil, err
		}
		if len(clashes) > 0 && a.appliedByClient() {
			return nil, errNoPlan // some may be none
		}
		if len(clashes) > 0 {
			return nil, conflictOf(clashes)
		}
	}
	if owned, err = others.lose(taken, removed); err != nil {
		return nil, err
	}
	changed := merging.moved || len(done.taken.children) > 0 || len(removed) > 0
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
		return nil, errNoPlan
	}
	if len(owned) == 0 {
		before := a.who
		before.manager, before.operation = beforeFirstApply, metav1.ManagedFieldsOperationUpdate
		return m.track(a.plan, owned, before, a.reset, blank(a.live), a.live)
	}
	for _, one := range owned {
		if err := one.parse(); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoPlan, err)
		}
		if !a.plan.suits(one.fields) {
			return nil, errNoPlan
		}
	}
	return owned.drop(), nil
}

// suits says whether no field of a set is below one that is owned as a whole. Types may have been otherwise once.
func (p *plan) suits(s fieldSet) bool {
	for i := range s {
		if len(s[i].children) == 0 {
			continue
		}
		switch element := s[i].element; {
		case p.shape == leaf:
			return false
		case p.shape == object:
			if f := p.fieldAt(element); f != nil && (f.plan.shape == leaf || !f.plan.suits(s[i].children)) {
				return false
			}
		case p.shape == table && p.untyped != nil:
			if below, _ := p.underElement(element); below != nil && (below.shape == leaf || !below.suits(s[i].children)) {
				return false
			}
		case p.child.shape == leaf || !p.child.suits(s[i].children):
			return false
		}
	}
	return true
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
func (a *application) prune(merged reflect.Value, last *entry, mine fieldSet, others entries, all bool) (fieldSet, error) {
	if last == nil {
		return nil, nil
	}
	if left, _ := last.fields.without(mine); len(left) == 0 {
		return nil, nil // all of it is applied again
	}
	if !all {
		return nil, errNoPlan
	}
	managed := mine
	for _, one := range others {
		if err := one.parse(); err != nil {
			return nil, err
		}
		managed = managed.union(one.fields)
	}
	removed, err := a.plan.prune(merged, last.fields, managed)
	return removed.withoutBelow(a.reset), err
}

// entry is what the manager owns from now on. Who changed nothing keeps the time.
func (a *application) entry(last *entry, mine fieldSet, changed bool) *entry {
	mine, _ = mine.without(stripped)
	one := &entry{id: a.who, fields: mine, parsed: true}
	switch {
	case changed:
		one.time = a.now
	case last != nil:
		one.time = last.time
	}
	if last != nil && last.raw != nil {
		if raw := mine.appendFields(make([]byte, 0, len(last.raw)+16), false); bytes.Equal(raw, last.raw) {
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
