package merge

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// An untyped plan is one for values as JSON has them: maps, lists and scalars, held by interfaces. Its objects and tables are both tables:
// names says of which names something is known, child is for all others, and nil where there are none.
type untyped struct {
	kinds kinds
	names map[string]*Plan
	// hidden is a name that nobody owns.
	hidden string
	// whole is what is in a value that is owned as a whole, for nothing but looking whether a value fits: its map, list or scalar.
	whole *Plan
	// alone is the plan of values that are no map, where a plan for maps is not sure to get one.
	alone *Plan
}

// kinds are those of the values that a plan is for.
type kinds uint8

const (
	texts kinds = 1 << iota
	numbers
	flags
	lists
	tables

	scalars = texts | numbers | flags
	all     = scalars | lists | tables
)

var (
	listType = reflect.TypeFor[[]any]()
	// null is a value that is there and has no content.
	null = reflect.ValueOf((*any)(nil))
)

// kindsOf is what a value is; 0 for what JSON does not have.
func kindsOf(v reflect.Value) kinds {
	switch v.Kind() {
	case reflect.String:
		return texts
	case reflect.Int64, reflect.Float64:
		return numbers
	case reflect.Bool:
		return flags
	case reflect.Slice:
		return lists
	case reflect.Map:
		return tables
	}
	return 0
}

// forContents is the plan for two values of which each may be there or not: the plan itself, or the one for what is no map. It fails with
// ErrNoPlan where they do not fit.
func (p *Plan) forContents(left, right reflect.Value) (*Plan, error) {
	use := p
	if p.untyped.alone != nil && (left.IsValid() && left.Kind() != reflect.Map || right.IsValid() && right.Kind() != reflect.Map) {
		use = p.untyped.alone
	}
	if !use.admits(left) || !use.admits(right) {
		return nil, ErrNoPlan
	}
	return use, nil
}

// admits says whether a value, without what is below it, is one for the plan.
func (p *Plan) admits(content reflect.Value) bool {
	if !content.IsValid() {
		return true
	}
	kind := kindsOf(content)
	return kind&p.untyped.kinds != 0 && (p.untyped.whole == nil || p.untyped.whole.fits(content, false))
}

// fits says whether a value is one for the plan, with all that is below it. Of what is to be distinct nothing is there twice, if that is
// wanted.
func (p *Plan) fits(v reflect.Value, distinct bool) bool {
	v = content(v)
	if !v.IsValid() {
		return true
	}
	if p.untyped.alone != nil && v.Kind() != reflect.Map {
		p = p.untyped.alone
	}
	if kindsOf(v)&p.untyped.kinds == 0 {
		return false
	}
	if p.untyped.whole == p {
		return true // anything
	}
	if p.untyped.whole != nil {
		return p.untyped.whole.fits(v, distinct)
	}
	switch v.Kind() {
	case reflect.Map:
		for items := v.MapRange(); items.Next(); {
			below, _ := p.under(items.Key().String())
			if below == nil || !below.fits(items.Value(), distinct) {
				return false
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if !p.child.fits(v.Index(i), distinct) {
				return false
			}
		}
		if p.shape != leaf {
			_, err := p.elements(v.Len(), func(i int) (string, error) { return p.elementOf(v.Index(i)) })
			return err == nil || !distinct
		}
	}
	return true
}

// under is the plan of what has a name in a table, and whether it is a field that the table has for itself; nil for what has none.
func (p *Plan) under(name string) (below *Plan, isField bool) {
	if p.untyped != nil {
		if field := p.untyped.names[name]; field != nil {
			return field, true
		}
	}
	return p.child, false
}

// at is what a map has under a name.
func at(m map[string]any, name string) reflect.Value {
	v, found := m[name]
	switch {
	case !found:
		return reflect.Value{}
	case v == nil:
		return null
	}
	return reflect.ValueOf(v)
}

// compareMaps is compareTables for what has no Go type.
func (p *Plan) compareMaps(l, r, left, right reflect.Value) (Difference, error) {
	before, after := mapOf(left), mapOf(right)
	names := sortedKeys(before)
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return compareEmpty(l, r, left, right), nil
	}
	if len(names) > len(before) {
		slices.Sort(names)
	}
	var d Difference
	for _, name := range names {
		if p.hides(name) {
			continue
		}
		plan, _ := p.under(name)
		if plan == nil {
			return d, fmt.Errorf("comparing %q: %w", name, ErrNoPlan)
		}
		below, err := plan.Compare(at(before, name), at(after, name))
		if err != nil {
			return d, err
		}
		if below.tookSelf || below.removedSelf || len(below.Taken) > 0 || len(below.Removed) > 0 {
			d.add(paths.Field(name), below)
		}
	}
	d.self(l, r)
	return d, nil
}

func mapOf(v reflect.Value) map[string]any {
	if !v.IsValid() {
		return nil
	}
	m, _ := v.Interface().(map[string]any)
	return m
}

// equalUntyped compares values that are owned as a whole.
func equalUntyped(l, r reflect.Value) bool {
	a, b := l.Interface(), r.Interface()
	if reflect.DeepEqual(a, b) {
		return true
	}
	return value.Equals(value.NewValueInterface(a), value.NewValueInterface(b))
}

// assignUntyped is assign for what has no Go type.
func (p *Plan) assignUntyped(into reflect.Value, there bool, wanted any) (changed bool, err error) {
	old := content(into)
	if wanted == nil {
		into.SetZero()
		return !there || old.IsValid(), nil
	}
	fresh := reflect.ValueOf(wanted)
	if !p.admits(fresh) || !p.admits(old) || p.untyped.whole != nil && !p.untyped.whole.fits(fresh, true) {
		return false, ErrNoPlan
	}
	changed = !there || !old.IsValid() || !equalUntyped(old, fresh)
	into.Set(reflect.ValueOf(runtime.DeepCopyJSONValue(wanted)))
	return changed, nil
}

func (p *Plan) hides(name string) bool {
	return p.untyped != nil && name != "" && name == p.untyped.hidden
}
