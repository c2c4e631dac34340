package merge

import (
	"bytes"
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// equalityOf returns how two values of a type are compared as a whole: as their JSON would.
func equalityOf(t reflect.Type) func(l, r reflect.Value) bool {
	switch t {
	case timeType:
		return func(l, r reflect.Value) bool {
			a, b := boxed(l).Interface().(*metav1.Time), boxed(r).Interface().(*metav1.Time)
			return a.IsZero() == b.IsZero() && a.Unix() == b.Unix()
		}
	case quantityType:
		return func(l, r reflect.Value) bool {
			a, b := boxed(l).Interface().(*resource.Quantity), boxed(r).Interface().(*resource.Quantity)
			return *a == *b || copyOf(a).String() == copyOf(b).String()
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(l, r reflect.Value) bool { return l.String() == r.String() }
	case reflect.Bool:
		return func(l, r reflect.Value) bool { return l.Bool() == r.Bool() }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(l, r reflect.Value) bool { return l.Int() == r.Int() }
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return func(l, r reflect.Value) bool { return bytes.Equal(l.Bytes(), r.Bytes()) }
		}
	}
	return equalTrees
}

// copyOf copies a quantity, whose String method writes to it.
func copyOf(q *resource.Quantity) *resource.Quantity {
	c := q.DeepCopy()
	return &c
}

// equalTrees compares anything. What is not deeply equal may still be the same in JSON: nil and empty lists that are left out, times
// in other zones, quantities in other units.
func equalTrees(l, r reflect.Value) bool {
	if reflect.DeepEqual(l.Interface(), r.Interface()) {
		return true
	}
	a, err := value.NewValueReflect(boxed(l).Interface())
	if err != nil {
		return false
	}
	b, err := value.NewValueReflect(boxed(r).Interface())
	if err != nil {
		return false
	}
	return value.Equals(a, b)
}

// boxed returns a pointer to a value.
func boxed(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v.Addr()
	}
	box := reflect.New(v.Type())
	box.Elem().Set(v)
	return box
}

// same says whether comparing two values would find nothing. Lists whose items changed places are not the same here.
func (p *Plan) same(l, r reflect.Value) bool {
	if p.untyped != nil {
		return l.IsValid() && r.IsValid() && reflect.DeepEqual(l.Interface(), r.Interface())
	}
	if l.IsValid() != r.IsValid() {
		return false
	}
	left, right := content(l), content(r)
	if left.IsValid() != right.IsValid() {
		return false
	}
	if !left.IsValid() || sameMemory(left, right) {
		return true
	}
	switch p.shape {
	case object:
		return p.sameObjects(left, right)
	case table:
		return p.sameTables(left, right)
	case keyed, set:
		if left.Len() != right.Len() {
			return false
		}
		for i := range left.Len() {
			if !p.child.same(left.Index(i), right.Index(i)) {
				return false
			}
		}
		return true
	}
	return p.equal(left, right)
}

func (p *Plan) sameObjects(left, right reflect.Value) bool {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.plan.same(f.of(left), f.of(right)) {
			return false
		}
	}
	return true
}

func (p *Plan) sameTables(left, right reflect.Value) bool {
	if left.Len() != right.Len() {
		return false
	}
	for items := left.MapRange(); items.Next(); {
		other := right.MapIndex(items.Key())
		if !other.IsValid() || !p.child.same(items.Value(), other) {
			return false
		}
	}
	return true
}
