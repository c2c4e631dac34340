package merge

import (
	"reflect"
	"slices"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"k8s.io/apimachinery/pkg/runtime"
)

// merger writes an applied configuration into an object of a Go type. It can say of each field that the configuration names whether
// that is owned by who applies it, and whether it is otherwise now. What it cannot be sure to do as structured-merge-diff does, it
// refuses with ErrNoPlan, and the object is of no use then.
type merger struct {
	// moved says that items of a list changed places, which no field tells.
	moved bool
}

// effect is what a configuration has on one value and on what is below it.
type effect struct{ owned, taken paths.Item }

// add notes the effect on what is below an element.
func (e *effect) add(element string, below effect) {
	below.owned.Element, below.taken.Element = element, element
	e.owned.Children = e.owned.Children.Appended(below.owned)
	e.taken.Children = e.taken.Children.Appended(below.taken)
}

// Merged is what became of a whole object: the fields that the configuration names, those of them that are otherwise now, and whether
// items of a list changed places.
type Merged struct {
	Owned, Taken paths.Set
	Moved        bool
}

// Merge writes a whole configuration into an object.
func (p *Plan) Merge(into reflect.Value, wanted map[string]any) (Merged, error) {
	m := merger{}
	done, err := m.merge(p, into, true, wanted)
	return Merged{Owned: done.owned.Children, Taken: done.taken.Children, Moved: m.moved}, err
}

// merge writes wanted into a value. there is whether JSON has the value before; a null may be there.
func (m *merger) merge(p *Plan, into reflect.Value, there bool, wanted any) (effect, error) {
	if p.untyped != nil {
		var err error
		if p, err = p.forContents(content(into), content(reflect.ValueOf(wanted))); err != nil {
			return effect{}, err
		}
	}
	if p.shape == leaf {
		changed, err := p.assign(into, there, wanted)
		return effect{owned: paths.Item{Member: true}, taken: paths.Item{Member: changed}}, err
	}
	var members map[string]any
	var items []any
	var fits bool
	if p.shape == object || p.shape == table {
		members, fits = wanted.(map[string]any)
	} else {
		items, fits = wanted.([]any)
	}
	if wanted != nil && !fits {
		return effect{}, ErrNoPlan
	}
	if len(members) == 0 && len(items) == 0 {
		// An empty map and a null are owned as such, an empty list is not.
		done := effect{owned: paths.Item{Member: wanted == nil || members != nil}}
		if p.bare(into, there) {
			done.taken.Member = !there || (wanted == nil) == content(into).IsValid()
			if done.taken.Member {
				hollow(into, wanted)
			}
		}
		return done, nil
	}
	var done effect
	var err error
	switch p.shape {
	case object:
		done, err = m.mergeObject(p, into, there, members)
	case table:
		done, err = m.mergeTable(p, into, there, members)
	default:
		done, err = m.mergeList(p, into, there, items)
	}
	done.taken.Member = !there
	return done, err
}

// bare says whether a map, list or struct is not there, null, or empty.
func (p *Plan) bare(v reflect.Value, there bool) bool {
	v = content(v)
	if !there || !v.IsValid() {
		return true
	}
	if p.shape == object {
		return !slices.ContainsFunc(p.fields, func(f fieldPlan) bool { return f.of(v).IsValid() })
	}
	return v.Len() == 0
}

// hollow makes a value null, or empty, as is wanted.
func hollow(v reflect.Value, wanted any) {
	v.SetZero()
	if wanted == nil {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		v.Set(reflect.ValueOf(runtime.DeepCopyJSONValue(wanted)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		hollow(v.Elem(), wanted)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
}

// opened is what a pointer leads to, made if it leads nowhere.
func opened(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return v.Elem()
}

func (m *merger) mergeObject(p *Plan, into reflect.Value, there bool, members map[string]any) (effect, error) {
	var done effect
	there = there && content(into).IsValid()
	into = opened(into)
	for _, name := range sortedKeys(members) {
		f := p.field(name)
		if f == nil {
			return done, ErrNoPlan // which is an error that somebody else words
		}
		below, err := m.merge(f.plan, f.place(into), there && f.of(into).IsValid(), members[name])
		if err != nil {
			return done, err
		}
		done.add(f.element, below)
	}
	return done, nil
}

func (m *merger) mergeTable(p *Plan, into reflect.Value, there bool, members map[string]any) (effect, error) {
	var done effect
	into = openedMap(into, len(members))
	for _, name := range sortedKeys(members) {
		plan, isField := p.under(name)
		if plan == nil || p.hides(name) {
			return done, ErrNoPlan // as in mergeObject
		}
		key := reflect.ValueOf(name).Convert(into.Type().Key())
		value := reflect.New(into.Type().Elem()).Elem()
		old := into.MapIndex(key)
		if old.IsValid() {
			value.Set(old)
		}
		below, err := m.merge(plan, value, there && old.IsValid(), members[name])
		if err != nil {
			return done, err
		}
		into.SetMapIndex(key, value)
		below.owned.Member = below.owned.Member || !isField
		done.add(paths.Field(name), below)
	}
	return done, nil
}

// openedMap is the map that a value holds, made if there is none.
func openedMap(into reflect.Value, size int) reflect.Value {
	if into.Kind() == reflect.Interface {
		if held := content(into); held.IsValid() {
			return held
		}
		held := reflect.ValueOf(make(map[string]any, size))
		into.Set(held)
		return held
	}
	into = opened(into)
	if into.IsNil() {
		into.Set(reflect.MakeMapWithSize(into.Type(), size))
	}
	return into
}

func (m *merger) mergeList(p *Plan, into reflect.Value, there bool, items []any) (effect, error) {
	var done effect
	into = opened(into)
	old := into
	if into.Kind() == reflect.Interface {
		if old = content(into); !old.IsValid() {
			old = reflect.Zero(listType)
		}
	}
	left, err := p.elements(old.Len(), func(i int) (string, error) { return p.elementOf(old.Index(i)) })
	if err != nil {
		return done, err
	}
	right, err := p.elements(len(items), func(i int) (string, error) { return p.elementOfItem(items[i]) })
	if err != nil {
		return done, err
	}
	places := interleave(left, right)
	together := reflect.MakeSlice(old.Type(), len(places), len(places))
	for at, from := range places {
		if from.left >= 0 {
			together.Index(at).Set(old.Index(from.left))
		}
		m.moved = m.moved || from.left != at
		if from.right < 0 {
			continue
		}
		below, err := m.merge(p.child, together.Index(at), there && from.left >= 0, items[from.right])
		if err != nil {
			return done, err
		}
		below.owned.Member = true
		done.add(right[from.right], below)
	}
	into.Set(together)
	done.owned.Children.Sort()
	done.taken.Children.Sort()
	return done, nil
}

// elements are those of a list, in which none is there twice.
func (p *Plan) elements(count int, of func(int) (string, error)) ([]string, error) {
	out := make([]string, count)
	for i := range out {
		element, err := of(i)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out[:i], element) {
			return nil, ErrNoPlan
		}
		out[i] = element
	}
	return out, nil
}

// elementOfItem is the path element of an item of a configuration.
func (p *Plan) elementOfItem(wanted any) (string, error) {
	if p.shape == set {
		if !isPlainScalar(wanted) {
			return "", ErrNoPlan
		}
		return paths.Value(wanted), nil
	}
	members, ok := wanted.(map[string]any)
	if !ok {
		return "", ErrNoPlan
	}
	names, values := make([]string, 0, 4), make([]paths.Scalar, 0, 4)
	for _, key := range p.keys {
		if value, named := members[key.field.name]; !named && key.preset == nil {
			continue
		} else if !named {
			values = append(values, key.preset)
		} else if isPlainScalar(value) {
			values = append(values, value)
		} else {
			return "", ErrNoPlan
		}
		names = append(names, key.field.name)
	}
	if len(names) == 0 {
		return "", ErrNoPlan
	}
	return paths.Key(names, values), nil
}

func isPlainScalar(v any) bool {
	switch v.(type) {
	case string, int64, bool:
		return true
	}
	return false
}

func sortedKeys(members map[string]any) []string {
	keys := make([]string, 0, len(members))
	for key := range members {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
