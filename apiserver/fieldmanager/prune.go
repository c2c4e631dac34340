package fieldmanager

import (
	"reflect"
	"strings"
)

// prune removes from a merged object what its manager has applied before, does not apply any more, and nobody else owns. managed is
// what anybody owns now. It returns what it removed.
func (p *plan) prune(merged reflect.Value, last, managed fieldSet) (fieldSet, error) {
	part := p.part(last)
	last = part.named(last)
	before, err := part.names(merged, nil)
	if err != nil {
		return nil, err
	}
	rest, err := part.names(merged, last)
	if err != nil {
		return nil, err
	}
	// What somebody owns comes back, and with it all that is below.
	unowned, _ := before.without(rest.union(part.named(managed)))
	kept, err := part.names(merged, unowned)
	if err != nil {
		return nil, err
	}
	// What was not applied stays, though it was below something that goes.
	gone, _ := before.without(kept)
	if gone = gone.intersect(last); len(gone) == 0 {
		return nil, nil
	}
	var d difference
	_, err = part.remove(merged, gone, &d)
	return d.removed, err
}

// part is the plan of a whole object for some of its fields.
func (p *plan) part(of fieldSet) *plan {
	if p.untyped != nil {
		return p
	}
	part := &plan{shape: object}
	for i := range of {
		if f := p.fieldAt(of[i].element); f != nil {
			part.fields = append(part.fields, *f)
		}
	}
	return part
}

// named adds the fields of structs to a set that has something below them.
func (p *plan) named(s fieldSet) fieldSet {
	out := make(fieldSet, len(s))
	for i := range s {
		out[i] = s[i]
		if len(s[i].children) == 0 {
			continue
		}
		below := &plan{}
		switch element := s[i].element; {
		case p.shape == object && element[0] == 'f':
			if f := p.fieldAt(element); f != nil {
				out[i].member, below = true, f.plan
			}
		case p.shape == table && element[0] == 'f':
			plan, isField := p.underElement(element)
			if out[i].member = out[i].member || isField; plan != nil {
				below = plan
			}
		case p.shape == keyed && element[0] == 'k':
			below = p.child
		}
		out[i].children = below.named(s[i].children)
	}
	return out
}

// names are the fields that a value has, less those that are gone and what is below them, with named ones among them.
func (p *plan) names(v reflect.Value, gone fieldSet) (fieldSet, error) {
	all, err := p.fieldsOf(v, gone)
	return p.named(all.children), err
}

// fieldsOf are the fields of a value that is there. What is emptied becomes a null, and that is a field too.
func (p *plan) fieldsOf(v reflect.Value, gone fieldSet) (item, error) {
	var out item
	if p.loose {
		return out, errNoPlan
	}
	v = content(v)
	if p.untyped != nil {
		var err error
		if p, err = p.forContents(v, reflect.Value{}); err != nil {
			return out, err
		}
	}
	if !v.IsValid() || p.shape == leaf {
		return item{member: true}, nil
	}
	left := 0
	err := p.each(v, func(element string, plan *plan, isField bool, below reflect.Value) error {
		dropped := gone.at(element)
		if dropped.member {
			return nil
		}
		left++
		one, err := plan.fieldsOf(below, dropped.children)
		one.member = one.member || !isField
		out.add(element, one)
		return err
	})
	if left == 0 {
		out.member = len(gone) > 0 || p.shape == object || p.shape == table
	}
	if p.shape != object {
		out.children.sort()
	}
	return out, err
}

// each visits what is directly below a value.
func (p *plan) each(v reflect.Value, visit func(element string, plan *plan, isField bool, below reflect.Value) error) error {
	switch p.shape {
	case object:
		for i := range p.fields {
			f := &p.fields[i]
			if below := f.of(v); below.IsValid() {
				if err := visit(f.element, f.plan, true, below); err != nil {
					return err
				}
			}
		}
	case table:
		for items := v.MapRange(); items.Next(); {
			plan, isField := p.under(items.Key().String())
			if plan == nil {
				return errNoPlan
			}
			if err := visit(fieldElement(items.Key().String()), plan, isField, items.Value()); err != nil {
				return err
			}
		}
	case keyed, set:
		elements, err := p.elements(v.Len(), func(i int) (string, error) { return p.elementOf(v.Index(i)) })
		if err != nil {
			return err
		}
		for i := range elements {
			if err := visit(elements[i], p.child, false, v.Index(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove takes fields out of a value, notes them, and returns whether anything is left.
func (p *plan) remove(v reflect.Value, gone fieldSet, d *difference) (bool, error) {
	held := v
	v = content(v)
	if p.untyped != nil {
		var err error
		if p, err = p.forContents(v, reflect.Value{}); err != nil {
			return false, err
		}
	}
	if !v.IsValid() || p.shape == leaf {
		return true, nil
	}
	if p.shape == table || p.shape == keyed || p.shape == set {
		return p.removeItems(held, v, gone, d)
	}
	left := false
	for i := range p.fields {
		f := &p.fields[i]
		if !f.of(v).IsValid() {
			continue
		}
		at := f.place(v)
		keep, err := f.plan.removeAt(at, f.element, gone.at(f.element), d)
		if err != nil {
			return false, err
		}
		if left = left || keep; !keep {
			at.SetZero()
		}
	}
	return left, nil
}

// removeAt removes a value, or what is below it, and returns whether it stays: as a null if nothing is below it any more.
func (p *plan) removeAt(v reflect.Value, element string, gone item, d *difference) (bool, error) {
	var below difference
	var err error
	if gone.member {
		below, err = p.compare(v, reflect.Value{})
		d.add(element, below)
		return false, err
	}
	if len(gone.children) == 0 {
		return true, nil
	}
	left, err := p.remove(v, gone.children, &below)
	d.add(element, below)
	if !left {
		v.SetZero()
	}
	return true, err
}

// removeItems removes items of a list or keys of a map. Others move up.
func (p *plan) removeItems(held, v reflect.Value, gone fieldSet, d *difference) (bool, error) {
	var below difference
	if p.shape == table {
		for _, key := range v.MapKeys() {
			element := fieldElement(key.String())
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			plan, _ := p.under(key.String())
			if plan == nil {
				return false, errNoPlan
			}
			keep, err := plan.removeAt(value, element, gone.at(element), &below)
			if err != nil {
				return false, err
			}
			if !keep {
				value = reflect.Value{}
			}
			v.SetMapIndex(key, value)
		}
		below.sort()
		d.removed = append(d.removed, below.removed...)
		return v.Len() > 0, nil
	}
	kept := 0
	for i := range v.Len() {
		element, err := p.elementOf(v.Index(i))
		if err != nil {
			return false, err
		}
		keep, err := p.child.removeAt(v.Index(i), element, gone.at(element), &below)
		if err != nil {
			return false, err
		}
		if keep {
			v.Index(kept).Set(v.Index(i))
			kept++
		}
	}
	if held.Kind() == reflect.Interface {
		held.Set(v.Slice(0, kept))
	} else {
		v.Set(v.Slice(0, kept))
	}
	below.sort()
	d.removed = append(d.removed, below.removed...)
	return kept > 0, nil
}

// underElement is under by the spelling of a name.
func (p *plan) underElement(element string) (*plan, bool) {
	name, ok := strings.CutPrefix(element, "f:")
	if !ok {
		return nil, false
	}
	return p.under(unescape(name))
}
