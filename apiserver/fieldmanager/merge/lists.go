package merge

import (
	"fmt"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"reflect"
)

// couple is what two lists have under one element: the places of the items. Items that share an element are duplicates.
type couple struct {
	element string
	l, r    []int
}

func (p *Plan) compareLists(l, r, left, right reflect.Value) (Difference, error) {
	if length(left) == 0 && length(right) == 0 {
		return compareEmpty(l, r, left, right), nil
	}
	if p.same(l, r) {
		return Difference{}, nil // most lists, most of the time: no elements need to be spelled
	}
	couples, err := p.pair(left, right)
	if err != nil {
		return Difference{}, err
	}
	var d Difference
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
func (p *Plan) pair(left, right reflect.Value) ([]couple, error) {
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
func (p *Plan) compareCouple(d *Difference, e *couple, left, right reflect.Value) error {
	var l, r reflect.Value
	if len(e.l) > 0 {
		l = left.Index(e.l[0])
	}
	if len(e.r) > 0 {
		r = right.Index(e.r[0])
	}
	if p.untyped != nil && (len(e.l) > 1 || len(e.r) > 1) {
		return ErrNoPlan
	}
	switch {
	case len(e.l) > 1 && len(e.r) > 1:
		equal := len(e.l) == len(e.r)
		for i := 0; equal && i < len(e.l); i++ {
			equal = equalTrees(left.Index(e.l[i]), right.Index(e.r[i]))
		}
		if !equal {
			d.add(e.element, Difference{tookSelf: true})
		}
		return nil
	case len(e.l) > 1:
		l = reflect.Value{}
	case len(e.r) > 1:
		r = reflect.Value{}
	}
	var below Difference
	if l.IsValid() || r.IsValid() {
		var err error
		if below, err = p.child.Compare(l, r); err != nil {
			return err
		}
	}
	below.removedSelf = below.removedSelf || len(e.l) > 1
	below.tookSelf = below.tookSelf || len(e.r) > 1
	d.add(e.element, below)
	return nil
}

// elementOf is the path element of an item.
func (p *Plan) elementOf(v reflect.Value) (string, error) {
	v = content(v)
	if !v.IsValid() {
		return "", fmt.Errorf("a list has a null item: %w", ErrNoPlan)
	}
	if p.untyped != nil && (p.shape == set && !isWholeScalar(v) || p.shape == keyed && v.Kind() != reflect.Map) {
		return "", fmt.Errorf("an item of a list is odd: %w", ErrNoPlan)
	}
	if p.shape == set {
		return paths.Value(scalarOf(v)), nil
	}
	names, values := make([]string, 0, 4), make([]paths.Scalar, 0, 4)
	for _, key := range p.keys {
		if field := key.field.of(v); field.IsValid() {
			if p.untyped != nil && !isWholeScalar(content(field)) {
				return "", fmt.Errorf("the key of an item is odd: %w", ErrNoPlan)
			}
			names, values = append(names, key.field.name), append(values, scalarOf(field))
		} else if key.preset != nil {
			names, values = append(names, key.field.name), append(values, key.preset)
		}
	}
	if len(names) == 0 {
		return "", fmt.Errorf("an item of a list has no keys: %w", ErrNoPlan)
	}
	return paths.Key(names, values), nil
}

// isWholeScalar says whether a value without a Go type is one that scalarOf knows.
func isWholeScalar(v reflect.Value) bool {
	return v.IsValid() && (v.Kind() == reflect.String || v.Kind() == reflect.Bool || v.Kind() == reflect.Int64)
}

func scalarOf(v reflect.Value) paths.Scalar {
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
