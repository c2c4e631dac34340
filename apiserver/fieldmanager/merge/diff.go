package merge

import (
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"reflect"
	"slices"
	"strings"
)

// Difference is what a plan finds between an old and a new value: what the new one has that the old one has not, or has
// otherwise, and what the old one has that the new one has not. The flags say the same of the value itself.
type Difference struct {
	Taken, Removed        paths.Set
	tookSelf, removedSelf bool
}

// manyTaken is what an object seldom has more of that came or changed: they are gathered where they need no memory of their own, which grew
// with each second one.
const manyTaken = 16

// add merges what was found below an element.
func (d *Difference) add(element string, below Difference) {
	d.Taken, d.Removed = below.into(element, d.Taken, d.Removed)
}

// into appends what was found below an element.
func (d *Difference) into(element string, taken, removed paths.Set) (bothTaken, bothRemoved paths.Set) {
	return taken.Appended(paths.Item{Element: element, Member: d.tookSelf, Children: d.Taken}),
		removed.Appended(paths.Item{Element: element, Member: d.removedSelf, Children: d.Removed})
}

// sort puts elements in order that were added as they came.
func (d *Difference) sort() {
	d.Taken.Sort()
	d.Removed.Sort()
}

// self says of the value itself that it came or went.
func (d *Difference) self(l, r reflect.Value) {
	d.tookSelf = !l.IsValid()
	d.removedSelf = !d.tookSelf && !r.IsValid()
}

// Compare compares two values. An invalid value is one that is not there; a nil pointer, slice or map is a null.
func (p *Plan) Compare(l, r reflect.Value) (Difference, error) {
	left, right := content(l), content(r)
	if p.untyped != nil {
		var err error
		if p, err = p.forContents(left, right); err != nil {
			return Difference{}, err
		}
	}
	if left.IsValid() && right.IsValid() && left.Kind() == right.Kind() && sameMemory(left, right) {
		return Difference{}, nil
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
func (p *Plan) compareLeaves(l, r, left, right reflect.Value) Difference {
	var d Difference
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
func compareEmpty(l, r, left, right reflect.Value) Difference {
	var d Difference
	switch {
	case !l.IsValid() || !r.IsValid():
		d.self(l, r)
	default:
		d.tookSelf = left.IsValid() != right.IsValid()
	}
	return d
}

func (p *Plan) compareObjects(l, r, left, right reflect.Value) (Difference, error) {
	var room [manyTaken]paths.Item
	var removed paths.Set
	taken, empty := paths.Set(room[:0]), true
	for i := range p.fields {
		f := &p.fields[i]
		a, b := f.of(left), f.of(right)
		if !a.IsValid() && !b.IsValid() {
			continue
		}
		empty = false
		below, err := f.plan.Compare(a, b)
		if err != nil {
			return Difference{}, err
		}
		taken, removed = below.into(f.element, taken, removed)
	}
	if empty {
		return compareEmpty(l, r, left, right), nil
	}
	d := Difference{Taken: taken.Copied(), Removed: removed}
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

func (p *Plan) compareTables(l, r, left, right reflect.Value) (Difference, error) {
	if p.untyped != nil {
		return p.compareMaps(l, r, left, right)
	}
	keys := mapKeys(left, right)
	if len(keys) == 0 {
		return compareEmpty(l, r, left, right), nil
	}
	var d Difference
	for _, key := range keys {
		below, err := p.child.Compare(lookup(left, key), lookup(right, key))
		if err != nil {
			return d, err
		}
		d.add(paths.Field(key.String()), below)
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
