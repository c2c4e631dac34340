package merge

import (
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"reflect"
	"strings"
)

// Prune removes from a merged object what its manager has applied before, does not apply any more, and nobody else owns. managed is
// what anybody owns now. It returns what it removed.
func (p *Plan) Prune(merged reflect.Value, last, managed paths.Set) (paths.Set, error) {
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
	unowned, _ := before.Without(rest.Union(part.named(managed)))
	kept, err := part.names(merged, unowned)
	if err != nil {
		return nil, err
	}
	// What was not applied stays, though it was below something that goes.
	gone, _ := before.Without(kept)
	if gone = gone.Intersect(last); len(gone) == 0 {
		return nil, nil
	}
	var d Difference
	_, err = part.remove(merged, gone, &d)
	return d.Removed, err
}

// part is the plan of a whole object for some of its fields.
func (p *Plan) part(of paths.Set) *Plan {
	if p.untyped != nil {
		return p
	}
	part := &Plan{shape: object}
	for i := range of {
		if f := p.fieldAt(of[i].Element); f != nil {
			part.fields = append(part.fields, *f)
		}
	}
	return part
}

// named adds the fields of structs to a set that has something below them.
func (p *Plan) named(s paths.Set) paths.Set {
	out := make(paths.Set, len(s))
	for i := range s {
		out[i] = s[i]
		if len(s[i].Children) == 0 {
			continue
		}
		below := &Plan{}
		switch element := s[i].Element; {
		case p.shape == object && element[0] == 'f':
			if f := p.fieldAt(element); f != nil {
				out[i].Member, below = true, f.plan
			}
		case p.shape == table && element[0] == 'f':
			plan, isField := p.underElement(element)
			if out[i].Member = out[i].Member || isField; plan != nil {
				below = plan
			}
		case p.shape == keyed && element[0] == 'k':
			below = p.child
		}
		out[i].Children = below.named(s[i].Children)
	}
	return out
}

// names are the fields that a value has, less those that are gone and what is below them, with named ones among them.
func (p *Plan) names(v reflect.Value, gone paths.Set) (paths.Set, error) {
	all, err := p.fieldsOf(v, gone)
	return p.named(all.Children), err
}

// fieldsOf are the fields of a value that is there. What is emptied becomes a null, and that is a field too.
func (p *Plan) fieldsOf(v reflect.Value, gone paths.Set) (paths.Item, error) {
	var out paths.Item
	if p.loose {
		return out, ErrNoPlan
	}
	v = content(v)
	if p.untyped != nil {
		var err error
		if p, err = p.forContents(v, reflect.Value{}); err != nil {
			return out, err
		}
	}
	if !v.IsValid() || p.shape == leaf {
		return paths.Item{Member: true}, nil
	}
	left := 0
	err := p.each(v, func(element string, plan *Plan, isField bool, below reflect.Value) error {
		dropped := gone.At(element)
		if dropped.Member {
			return nil
		}
		left++
		one, err := plan.fieldsOf(below, dropped.Children)
		one.Member = one.Member || !isField
		one.Element = element
		out.Children = out.Children.Appended(one)
		return err
	})
	if left == 0 {
		out.Member = len(gone) > 0 || p.shape == object || p.shape == table
	}
	if p.shape != object {
		out.Children.Sort()
	}
	return out, err
}

// each visits what is directly below a value.
func (p *Plan) each(v reflect.Value, visit func(element string, plan *Plan, isField bool, below reflect.Value) error) error {
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
				return ErrNoPlan
			}
			if err := visit(paths.Field(items.Key().String()), plan, isField, items.Value()); err != nil {
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
func (p *Plan) remove(v reflect.Value, gone paths.Set, d *Difference) (bool, error) {
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
	switch p.shape {
	case table:
		return p.removeKeys(v, gone, d)
	case keyed, set:
		return p.removeItems(held, v, gone, d)
	}
	left := false
	for i := range p.fields {
		f := &p.fields[i]
		if !f.of(v).IsValid() {
			continue
		}
		at := f.place(v)
		keep, err := f.plan.removeAt(at, f.element, gone.At(f.element), d)
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
func (p *Plan) removeAt(v reflect.Value, element string, gone paths.Item, d *Difference) (bool, error) {
	var below Difference
	var err error
	if gone.Member {
		below, err = p.Compare(v, reflect.Value{})
		d.add(element, below)
		return false, err
	}
	if len(gone.Children) == 0 {
		return true, nil
	}
	left, err := p.remove(v, gone.Children, &below)
	d.add(element, below)
	if !left {
		v.SetZero()
	}
	return true, err
}

// removeKeys removes keys of a map.
func (p *Plan) removeKeys(v reflect.Value, gone paths.Set, d *Difference) (bool, error) {
	var below Difference
	for _, key := range v.MapKeys() {
		element := paths.Field(key.String())
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		plan, _ := p.under(key.String())
		if plan == nil {
			return false, ErrNoPlan
		}
		keep, err := plan.removeAt(value, element, gone.At(element), &below)
		if err != nil {
			return false, err
		}
		if !keep {
			value = reflect.Value{}
		}
		v.SetMapIndex(key, value)
	}
	below.sort()
	d.Removed = append(d.Removed, below.Removed...)
	return v.Len() > 0, nil
}

// removeItems removes items of a list. Others move up.
func (p *Plan) removeItems(held, v reflect.Value, gone paths.Set, d *Difference) (bool, error) {
	var below Difference
	kept := 0
	for i := range v.Len() {
		element, err := p.elementOf(v.Index(i))
		if err != nil {
			return false, err
		}
		keep, err := p.child.removeAt(v.Index(i), element, gone.At(element), &below)
		if err != nil {
			return false, err
		}
		if keep && !content(v.Index(i)).IsValid() {
			return false, ErrNoPlan // of an item nothing is left but that somebody owns it
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
	d.Removed = append(d.Removed, below.Removed...)
	return kept > 0, nil
}

// underElement is under by the spelling of a name.
func (p *Plan) underElement(element string) (*Plan, bool) {
	name, ok := strings.CutPrefix(element, "f:")
	if !ok {
		return nil, false
	}
	return p.under(paths.Unescape(name))
}

// Suits says whether no field of a set is below one that is owned as a whole. Types may have been otherwise once.
func (p *Plan) Suits(s paths.Set) bool {
	for i := range s {
		if len(s[i].Children) == 0 {
			continue
		}
		switch element := s[i].Element; {
		case p.shape == leaf:
			return false
		case p.shape == object:
			if f := p.fieldAt(element); f != nil && (f.plan.shape == leaf || !f.plan.Suits(s[i].Children)) {
				return false
			}
		case p.shape == table && p.untyped != nil:
			if below, _ := p.underElement(element); below != nil && (below.shape == leaf || !below.Suits(s[i].Children)) {
				return false
			}
		case p.child.shape == leaf || !p.child.Suits(s[i].Children):
			return false
		}
	}
	return true
}
