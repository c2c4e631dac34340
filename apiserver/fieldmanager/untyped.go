package fieldmanager

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// An untyped plan is one for values as JSON has them: maps, lists and scalars, held by interfaces. Its objects and tables are both tables:
// names says of which names something is known, child is for all others, and nil where there are none.
type untyped struct {
	kinds kinds
	names map[string]*plan
	// hidden is a name that nobody owns.
	hidden string
	// whole is what is in a value that is owned as a whole, for nothing but looking whether a value fits: its map, list or scalar.
	whole *plan
	// alone is the plan of values that are no map, where a plan for maps is not sure to get one.
	alone *plan
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

// Names that every object has.
const (
	metadataName      = "metadata"
	managedFieldsName = "managedFields"
)

// untypedPlanner makes untyped plans.
type untypedPlanner struct {
	meta    *plan
	deduced *plan
	nothing *plan
}

// untypedPlan is the plan of the kind of a structural schema.
func untypedPlan(form *structural.Structural) (*plan, error) {
	typed, err := (&planner{}).forMetadata()
	if err != nil {
		return nil, err
	}
	u := &untypedPlanner{meta: untypedOf(typed, map[*plan]*plan{})}
	u.meta.untyped.hidden = managedFieldsName
	u.nothing = &plan{untyped: &untyped{kinds: 0}}
	nested := &plan{untyped: &untyped{kinds: all}}
	nested.untyped.whole = nested
	u.deduced = &plan{shape: table, untyped: &untyped{kinds: tables, alone: &plan{untyped: &untyped{kinds: scalars | lists, whole: nested}}}}
	u.deduced.child = u.deduced
	root := u.object(form, false)
	u.every(root, u.meta)
	return root, nil
}

// every adds what every object has.
func (u *untypedPlanner) every(made, meta *plan) {
	if made.untyped.names == nil {
		made.untyped.names = map[string]*plan{}
	}
	text := &plan{untyped: &untyped{kinds: texts}}
	made.untyped.names["apiVersion"], made.untyped.names["kind"], made.untyped.names[metadataName] = text, text, meta
}

// compile makes the plan of a value. open is set where a schema above lets in what it does not know.
func (u *untypedPlanner) compile(s *structural.Structural, open bool) *plan {
	open = open || s.XPreserveUnknownFields
	switch s.Type {
	case "object":
		return u.object(s, open)
	case "array":
		return u.list(s, open)
	case "string":
		if s.ValueValidation != nil && s.ValueValidation.Format != "" && s.ValueValidation.Format != "byte" {
			return &plan{untyped: &untyped{kinds: scalars}}
		}
		return &plan{untyped: &untyped{kinds: texts}}
	case "integer", "number":
		return &plan{untyped: &untyped{kinds: numbers}}
	case "boolean":
		return &plan{untyped: &untyped{kinds: flags}}
	case "":
		made := u.object(s, open)
		nested := u.deduced.untyped.alone.untyped.whole
		alone := &plan{untyped: &untyped{kinds: scalars | lists, whole: nested}}
		if s.Items != nil || s.XListType != nil && *s.XListType != "atomic" {
			alone.untyped.kinds = scalars // lists of which more is said are not for a plan
		}
		if made.shape == leaf {
			return &plan{untyped: &untyped{kinds: alone.untyped.kinds | tables, whole: nested}}
		}
		made.untyped.alone = alone
		return made
	}
	return u.nothing
}

func (u *untypedPlanner) object(s *structural.Structural, open bool) *plan {
	open = open || s.XPreserveUnknownFields
	made := &plan{shape: table, untyped: &untyped{kinds: tables, names: map[string]*plan{}}}
	for name := range s.Properties {
		property := s.Properties[name]
		made.untyped.names[name] = u.compile(&property, open)
	}
	if s.XEmbeddedResource {
		meta := *u.meta
		own := *u.meta.untyped
		meta.untyped = &own
		own.hidden = ""
		own.names = maps.Clone(own.names)
		own.names[managedFieldsName] = u.nothing
		u.every(made, &meta)
	}
	switch more := s.AdditionalProperties; {
	case more == nil:
		if open || len(made.untyped.names) == 0 {
			made.child = u.deduced
		}
	case more.Structural != nil:
		made.child = u.compile(more.Structural, open)
	case more.Bool:
		made.child = u.deduced
	}
	if s.XMapType != nil && *s.XMapType == "atomic" {
		return &plan{untyped: &untyped{kinds: tables, whole: made}}
	}
	return made
}

func (u *untypedPlanner) list(s *structural.Structural, open bool) *plan {
	made := &plan{untyped: &untyped{kinds: lists}}
	if s.Items == nil {
		return u.nothing
	}
	made.child = u.compile(s.Items, open)
	if s.XListType == nil {
		return &plan{untyped: &untyped{kinds: lists, whole: made}}
	}
	switch *s.XListType {
	case "set":
		if made.shape = set; made.child.shape != leaf || made.child.untyped.kinds&^scalars != 0 {
			return u.nothing
		}
		return made
	case "map":
		made.shape = keyed
		keys := slices.Sorted(slices.Values(s.XListMapKeys))
		for _, key := range keys {
			field, known := s.Items.Properties[key]
			if !known || made.child.untyped.kinds != tables {
				return u.nothing
			}
			one := keyPlan{field: &fieldPlan{name: key, element: fieldElement(key), key: reflect.ValueOf(key)}}
			if standard := field.Default.Object; isPlainScalar(standard) {
				one.preset = standard
			} else if standard != nil {
				return u.nothing
			}
			made.keys = append(made.keys, one)
		}
		return made
	}
	return &plan{untyped: &untyped{kinds: lists, whole: made}}
}

// forMetadata is the plan of metadata within a whole object.
func (p *planner) forMetadata() (*plan, error) {
	p.markers, p.plans, p.failed = parseMarkers(markersText), map[planKey]*plan{}, map[reflect.Type]error{}
	return p.compile(objectMetaType, marker{kind: rootKind})
}

// untypedOf is a plan for the same values without a Go type.
func untypedOf(p *plan, known map[*plan]*plan) *plan {
	if made := known[p]; made != nil {
		return made
	}
	made := &plan{shape: p.shape, untyped: &untyped{kinds: lists}}
	known[p] = made
	switch p.shape {
	case object, table:
		made.shape, made.untyped.kinds = table, tables
		if p.shape == object {
			made.untyped.names = map[string]*plan{}
		}
		for _, f := range p.fields {
			made.untyped.names[f.name] = untypedOf(f.plan, known)
		}
	case leaf:
		made.untyped.whole, made.untyped.kinds = p.inner, lists
		switch {
		case !p.nested:
			made = untypedLeaf(p.typ)
		case p.inner == nil:
			made.untyped.kinds = 0
		}
		known[p] = made
	}
	for _, key := range p.keys {
		made.keys = append(made.keys, keyPlan{field: &fieldPlan{name: key.field.name, element: key.field.element, key: reflect.ValueOf(key.field.name)}, preset: key.preset})
	}
	if p.child != nil {
		made.child = untypedOf(p.child, known)
	}
	return made
}

// untypedLeaf is a plan for values of a Go type that are owned as a whole, with no sets and lists with keys in them.
func untypedLeaf(t reflect.Type) *plan {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	leaf := func(kinds kinds, whole *plan) *plan { return &plan{untyped: &untyped{kinds: kinds, whole: whole}} }
	switch t {
	case quantityType, timeType, microTimeType, durationType, intOrStringType:
		return leaf(scalars, nil)
	case rawExtensionType:
		anything := leaf(all, nil)
		anything.untyped.whole = anything
		return anything
	}
	switch t.Kind() {
	case reflect.String:
		return leaf(texts, nil)
	case reflect.Bool:
		return leaf(flags, nil)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return leaf(numbers, nil)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return leaf(texts, nil)
		}
		return leaf(lists, &plan{child: untypedLeaf(t.Elem()), untyped: &untyped{kinds: lists}})
	case reflect.Map:
		return leaf(tables, &plan{shape: table, child: untypedLeaf(t.Elem()), untyped: &untyped{kinds: tables}})
	case reflect.Struct:
		made := &plan{shape: table, untyped: &untyped{kinds: tables, names: map[string]*plan{}}}
		for _, f := range fieldsOf(t) {
			made.untyped.names[f.name] = untypedLeaf(f.typ)
		}
		return leaf(tables, made)
	}
	return leaf(0, nil)
}

// innerOf is an untyped plan for what is in a leaf of a Go type; nil where there is none.
func (p *planner) innerOf(t reflect.Type) *plan {
	if t.Kind() != reflect.Slice {
		return nil
	}
	own := &planner{markers: p.markers, plans: map[planKey]*plan{}, failed: map[reflect.Type]error{}}
	item, err := own.compile(t.Elem(), marker{})
	if err != nil {
		return nil
	}
	return &plan{child: untypedOf(item, map[*plan]*plan{}), untyped: &untyped{kinds: lists}}
}

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
// errNoPlan where they do not fit.
func (p *plan) forContents(left, right reflect.Value) (*plan, error) {
	use := p
	if p.untyped.alone != nil && (left.IsValid() && left.Kind() != reflect.Map || right.IsValid() && right.Kind() != reflect.Map) {
		use = p.untyped.alone
	}
	if !use.admits(left) || !use.admits(right) {
		return nil, errNoPlan
	}
	return use, nil
}

// admits says whether a value, without what is below it, is one for the plan.
func (p *plan) admits(content reflect.Value) bool {
	if !content.IsValid() {
		return true
	}
	kind := kindsOf(content)
	return kind&p.untyped.kinds != 0 && (p.untyped.whole == nil || p.untyped.whole.fits(content, false))
}

// fits says whether a value is one for the plan, with all that is below it. Of what is to be distinct nothing is there twice, if that is
// wanted.
func (p *plan) fits(v reflect.Value, distinct bool) bool {
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
func (p *plan) under(name string) (below *plan, isField bool) {
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
func (p *plan) compareMaps(l, r, left, right reflect.Value) (difference, error) {
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
	var d difference
	for _, name := range names {
		if p.hides(name) {
			continue
		}
		plan, _ := p.under(name)
		if plan == nil {
			return d, fmt.Errorf("comparing %q: %w", name, errNoPlan)
		}
		below, err := plan.compare(at(before, name), at(after, name))
		if err != nil {
			return d, err
		}
		if below.tookSelf || below.removedSelf || len(below.taken) > 0 || len(below.removed) > 0 {
			d.add(fieldElement(name), below)
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
func (p *plan) assignUntyped(into reflect.Value, there bool, wanted any) (changed bool, err error) {
	old := content(into)
	if wanted == nil {
		into.SetZero()
		return !there || old.IsValid(), nil
	}
	fresh := reflect.ValueOf(wanted)
	if !p.admits(fresh) || !p.admits(old) || p.untyped.whole != nil && !p.untyped.whole.fits(fresh, true) {
		return false, errNoPlan
	}
	changed = !there || !old.IsValid() || !equalUntyped(old, fresh)
	into.Set(reflect.ValueOf(runtime.DeepCopyJSONValue(wanted)))
	return changed, nil
}

func (p *plan) hides(name string) bool {
	return p.untyped != nil && name != "" && name == p.untyped.hidden
}
