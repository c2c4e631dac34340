package fieldmanager

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// difference is what a plan finds between an old and a new value: what the new one has that the old one has not, or has
// otherwise, and what the old one has that the new one has not. The flags say the same of the value itself.
type difference struct {
	taken, removed        fieldSet
	tookSelf, removedSelf bool
}

// add merges what was found below an element.
func (d *difference) add(element string, below difference) {
	if below.tookSelf || len(below.taken) > 0 {
		d.taken = append(d.taken.roomy(), item{element: element, member: below.tookSelf, children: below.taken})
	}
	if below.removedSelf || len(below.removed) > 0 {
		d.removed = append(d.removed.roomy(), item{element: element, member: below.removedSelf, children: below.removed})
	}
}

// sort puts elements in order that were added as they came.
func (d *difference) sort() {
	d.taken.sort()
	d.removed.sort()
}

// self says of the value itself that it came or went.
func (d *difference) self(l, r reflect.Value) {
	d.tookSelf = !l.IsValid()
	d.removedSelf = !d.tookSelf && !r.IsValid()
}

// compare compares two values. An invalid value is one that is not there; a nil pointer, slice or map is a null.
func (p *plan) compare(l, r reflect.Value) (difference, error) {
	left, right := content(l), content(r)
	if p.untyped != nil {
		var err error
		if p, err = p.forContents(left, right); err != nil {
			return difference{}, err
		}
	}
	if left.IsValid() && right.IsValid() && left.Kind() == right.Kind() && sameMemory(left, right) {
		return difference{}, nil
	}
	switch p.shape {
	case object:
		return p.compareObjects(l, r, left, right)
	case table:
		return p.compareTables(l, r, left, right)
	case keyed, set:
		return p.compareLists(l, r, left, right)
	}
	return p.compareLeaves(l, r, left, right), nil
}

// content is what a pointer leads to, or an invalid value where there is nothing or a null.
func content(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		return v.Elem() // invalid for nil
	case reflect.Interface:
		return content(v.Elem())
	case reflect.Map, reflect.Slice:
		if v.IsNil() {
			return reflect.Value{}
		}
	}
	return v
}

// sameMemory says that two values are the very same one.
func sameMemory(l, r reflect.Value) bool {
	switch l.Kind() {
	case reflect.Map:
		return l.UnsafePointer() == r.UnsafePointer()
	case reflect.Slice:
		return l.Len() == r.Len() && l.UnsafePointer() == r.UnsafePointer()
	case reflect.Struct:
		return l.CanAddr() && r.CanAddr() && l.UnsafeAddr() == r.UnsafeAddr()
	}
	return false
}

// compareLeaves compares what is owned as a whole. left and right are the contents of l and r.
func (p *plan) compareLeaves(l, r, left, right reflect.Value) difference {
	var d difference
	switch {
	case !l.IsValid() || !r.IsValid():
		d.self(l, r)
	case left.IsValid() != right.IsValid():
		d.tookSelf = true
	case left.IsValid() && p.untyped != nil:
		d.tookSelf = !equalUntyped(left, right)
	case left.IsValid():
		d.tookSelf = !p.equal(left, right)
	}
	return d
}

// compareEmpty compares two values neither of which has anything below it: nothing, null, and empty are three different leaves.
func compareEmpty(l, r, left, right reflect.Value) difference {
	var d difference
	switch {
	case !l.IsValid() || !r.IsValid():
		d.self(l, r)
	default:
		d.tookSelf = left.IsValid() != right.IsValid()
	}
	return d
}

func (p *plan) compareObjects(l, r, left, right reflect.Value) (difference, error) {
	var d difference
	empty := true
	for i := range p.fields {
		f := &p.fields[i]
		a, b := f.of(left), f.of(right)
		if !a.IsValid() && !b.IsValid() {
			continue
		}
		empty = false
		below, err := f.plan.compare(a, b)
		if err != nil {
			return d, err
		}
		d.add(f.element, below)
	}
	if empty {
		return compareEmpty(l, r, left, right), nil
	}
	d.self(l, r)
	return d, nil
}

// of returns the field of a struct, or an invalid value if JSON leaves it out.
func (f *fieldPlan) of(v reflect.Value) reflect.Value {
	if !v.IsValid() {
		return v
	}
	if f.key.IsValid() {
		return v.MapIndex(f.key)
	}
	for _, index := range f.path {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v = reflect.Zero(f.typ)
				break
			}
			v = v.Elem()
		}
		v = v.Field(index[0])
	}
	if (f.omitEmpty && isEmpty(v)) || (f.omitZero != nil && f.omitZero(v)) {
		return reflect.Value{}
	}
	return v
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Bool:
		return !v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int() == 0
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint() == 0
	case reflect.Float32, reflect.Float64:
		return v.Float() == 0
	case reflect.Interface, reflect.Pointer:
		return v.IsNil()
	}
	return false
}

func (p *plan) compareTables(l, r, left, right reflect.Value) (difference, error) {
	if p.untyped != nil {
		return p.compareMaps(l, r, left, right)
	}
	keys := mapKeys(left, right)
	if len(keys) == 0 {
		return compareEmpty(l, r, left, right), nil
	}
	var d difference
	for _, key := range keys {
		below, err := p.child.compare(lookup(left, key), lookup(right, key))
		if err != nil {
			return d, err
		}
		d.add(fieldElement(key.String()), below)
	}
	d.self(l, r)
	return d, nil
}

// mapKeys are the keys of both maps, in order.
func mapKeys(left, right reflect.Value) []reflect.Value {
	var keys []reflect.Value
	if left.IsValid() {
		keys = left.MapKeys()
	}
	if right.IsValid() {
		for _, key := range right.MapKeys() {
			if !left.IsValid() || !left.MapIndex(key).IsValid() {
				keys = append(keys, key)
			}
		}
	}
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func lookup(m, key reflect.Value) reflect.Value {
	if !m.IsValid() {
		return m
	}
	return m.MapIndex(key)
}

// couple is what two lists have under one element: the places of the items. Items that share an element are duplicates.
type couple struct {
	element string
	l, r    []int
}

func (p *plan) compareLists(l, r, left, right reflect.Value) (difference, error) {
	if length(left) == 0 && length(right) == 0 {
		return compareEmpty(l, r, left, right), nil
	}
	if p.same(l, r) {
		return difference{}, nil // most lists, most of the time: no elements need to be spelled
	}
	couples, err := p.pair(left, right)
	if err != nil {
		return difference{}, err
	}
	var d difference
	for i := range couples {
		if err := p.compareCouple(&d, &couples[i], left, right); err != nil {
			return d, err
		}
	}
	d.sort()
	d.self(l, r)
	return d, nil
}

func length(list reflect.Value) int {
	if !list.IsValid() {
		return 0
	}
	return list.Len()
}

// pair finds the items of two lists that belong together.
func (p *plan) pair(left, right reflect.Value) ([]couple, error) {
	couples := make([]couple, 0, max(length(left), length(right)))
	var index map[string]int
	find := func(element string, guess int) *couple {
		if guess < len(couples) && couples[guess].element == element && len(couples) <= manyItems {
			return &couples[guess]
		}
		if len(couples) < manyItems {
			for i := range couples {
				if couples[i].element == element {
					return &couples[i]
				}
			}
		} else {
			if index == nil {
				index = map[string]int{}
				for i := range couples {
					index[couples[i].element] = i
				}
			}
			if i, ok := index[element]; ok {
				return &couples[i]
			}
			index[element] = len(couples)
		}
		couples = append(couples, couple{element: element})
		return &couples[len(couples)-1]
	}
	for i := range length(left) {
		element, err := p.elementOf(left.Index(i))
		if err != nil {
			return nil, err
		}
		e := find(element, i)
		e.l = append(e.l, i)
	}
	for i := range length(right) {
		element, err := p.elementOf(right.Index(i))
		if err != nil {
			return nil, err
		}
		e := find(element, i)
		e.r = append(e.r, i)
	}
	return couples, nil
}

// manyItems is where looking at each one begins to cost more than a map.
const manyItems = 24

// compareCouple compares the items under one element. Duplicates are one leaf together.
func (p *plan) compareCouple(d *difference, e *couple, left, right reflect.Value) error {
	var l, r reflect.Value
	if len(e.l) > 0 {
		l = left.Index(e.l[0])
	}
	if len(e.r) > 0 {
		r = right.Index(e.r[0])
	}
	if p.untyped != nil && (len(e.l) > 1 || len(e.r) > 1) {
		return errNoPlan
	}
	switch {
	case len(e.l) > 1 && len(e.r) > 1:
		equal := len(e.l) == len(e.r)
		for i := 0; equal && i < len(e.l); i++ {
			equal = equalTrees(left.Index(e.l[i]), right.Index(e.r[i]))
		}
		if !equal {
			d.add(e.element, difference{tookSelf: true})
		}
		return nil
	case len(e.l) > 1:
		l = reflect.Value{}
	case len(e.r) > 1:
		r = reflect.Value{}
	}
	var below difference
	if l.IsValid() || r.IsValid() {
		var err error
		if below, err = p.child.compare(l, r); err != nil {
			return err
		}
	}
	below.removedSelf = below.removedSelf || len(e.l) > 1
	below.tookSelf = below.tookSelf || len(e.r) > 1
	d.add(e.element, below)
	return nil
}

// elementOf is the path element of an item.
func (p *plan) elementOf(v reflect.Value) (string, error) {
	v = content(v)
	if !v.IsValid() {
		return "", fmt.Errorf("a list has a null item: %w", errNoPlan)
	}
	if p.untyped != nil && (p.shape == set && !isWholeScalar(v) || p.shape == keyed && v.Kind() != reflect.Map) {
		return "", fmt.Errorf("an item of a list is odd: %w", errNoPlan)
	}
	if p.shape == set {
		return valueElement(scalarOf(v)), nil
	}
	names, values := make([]string, 0, 4), make([]scalar, 0, 4)
	for _, key := range p.keys {
		if field := key.field.of(v); field.IsValid() {
			if p.untyped != nil && !isWholeScalar(content(field)) {
				return "", fmt.Errorf("the key of an item is odd: %w", errNoPlan)
			}
			names, values = append(names, key.field.name), append(values, scalarOf(field))
		} else if key.preset != nil {
			names, values = append(names, key.field.name), append(values, key.preset)
		}
	}
	if len(names) == 0 {
		return "", fmt.Errorf("an item of a list has no keys: %w", errNoPlan)
	}
	return keyElement(names, values), nil
}

// isWholeScalar says whether a value without a Go type is one that scalarOf knows.
func isWholeScalar(v reflect.Value) bool {
	return v.IsValid() && (v.Kind() == reflect.String || v.Kind() == reflect.Bool || v.Kind() == reflect.Int64)
}

func scalarOf(v reflect.Value) scalar {
	v = content(v)
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	}
	return nil
}
