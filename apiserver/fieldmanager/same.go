package fieldmanager

import "reflect"

// same says whether comparing two values would find nothing. Lists whose items changed places are not the same here.
func (p *plan) same(l, r reflect.Value) bool {
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

func (p *plan) sameObjects(left, right reflect.Value) bool {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.plan.same(f.of(left), f.of(right)) {
			return false
		}
	}
	return true
}

func (p *plan) sameTables(left, right reflect.Value) bool {
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
