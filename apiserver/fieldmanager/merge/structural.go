package merge

import (
	"maps"
	"reflect"
	"slices"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// untypedPlanner makes untyped plans.
type untypedPlanner struct {
	meta    *Plan
	deduced *Plan
	nothing *Plan
}

// ForSchema is the plan of the kind of a structural schema.
func ForSchema(form *structural.Structural) (*Plan, error) {
	typed, err := (&Planner{}).forMetadata()
	if err != nil {
		return nil, err
	}
	u := &untypedPlanner{meta: untypedOf(typed, map[*Plan]*Plan{})}
	u.meta.untyped.hidden = "managedFields"
	u.nothing = &Plan{untyped: &untyped{kinds: 0}}
	nested := &Plan{untyped: &untyped{kinds: all}}
	nested.untyped.whole = nested
	u.deduced = &Plan{shape: table, untyped: &untyped{kinds: tables, alone: &Plan{untyped: &untyped{kinds: scalars | lists, whole: nested}}}}
	u.deduced.child = u.deduced
	root := u.object(form, false)
	u.every(root, u.meta)
	return root, nil
}

// every adds what every object has.
func (u *untypedPlanner) every(made, meta *Plan) {
	if made.untyped.names == nil {
		made.untyped.names = map[string]*Plan{}
	}
	text := &Plan{untyped: &untyped{kinds: texts}}
	made.untyped.names["apiVersion"], made.untyped.names["kind"], made.untyped.names["metadata"] = text, text, meta
}

// compile makes the plan of a value. open is set where a schema above lets in what it does not know.
func (u *untypedPlanner) compile(s *structural.Structural, open bool) *Plan {
	open = open || s.XPreserveUnknownFields
	switch s.Type {
	case "object":
		return u.object(s, open)
	case "array":
		return u.list(s, open)
	case "string":
		if s.ValueValidation != nil && s.ValueValidation.Format != "" && s.ValueValidation.Format != "byte" {
			return &Plan{untyped: &untyped{kinds: scalars}}
		}
		return &Plan{untyped: &untyped{kinds: texts}}
	case "integer", "number":
		return &Plan{untyped: &untyped{kinds: numbers}}
	case "boolean":
		return &Plan{untyped: &untyped{kinds: flags}}
	case "":
		made := u.object(s, open)
		nested := u.deduced.untyped.alone.untyped.whole
		alone := &Plan{untyped: &untyped{kinds: scalars | lists, whole: nested}}
		if s.Items != nil || s.XListType != nil && *s.XListType != "atomic" {
			alone.untyped.kinds = scalars // lists of which more is said are not for a plan
		}
		if made.shape == leaf {
			return &Plan{untyped: &untyped{kinds: alone.untyped.kinds | tables, whole: nested}}
		}
		made.untyped.alone = alone
		return made
	}
	return u.nothing
}

func (u *untypedPlanner) object(s *structural.Structural, open bool) *Plan {
	open = open || s.XPreserveUnknownFields
	made := &Plan{shape: table, untyped: &untyped{kinds: tables, names: map[string]*Plan{}}}
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
		own.names["managedFields"] = u.nothing
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
		return &Plan{untyped: &untyped{kinds: tables, whole: made}}
	}
	return made
}

func (u *untypedPlanner) list(s *structural.Structural, open bool) *Plan {
	made := &Plan{untyped: &untyped{kinds: lists}}
	if s.Items == nil {
		return u.nothing
	}
	made.child = u.compile(s.Items, open)
	if s.XListType == nil {
		return &Plan{untyped: &untyped{kinds: lists, whole: made}}
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
			one := keyPlan{field: &fieldPlan{name: key, element: paths.Field(key), key: reflect.ValueOf(key)}}
			if standard := field.Default.Object; isPlainScalar(standard) {
				one.preset = standard
			} else if standard != nil {
				return u.nothing
			}
			made.keys = append(made.keys, one)
		}
		return made
	}
	return &Plan{untyped: &untyped{kinds: lists, whole: made}}
}

// forMetadata is the plan of metadata within a whole object.
func (p *Planner) forMetadata() (*Plan, error) {
	p.markers, p.plans, p.failed = parseMarkers(markersText), map[planKey]*Plan{}, map[reflect.Type]error{}
	return p.compile(objectMetaType, marker{kind: rootKind})
}

// untypedOf is a plan for the same values without a Go type.
func untypedOf(p *Plan, known map[*Plan]*Plan) *Plan {
	if made := known[p]; made != nil {
		return made
	}
	made := &Plan{shape: p.shape, untyped: &untyped{kinds: lists}}
	known[p] = made
	switch p.shape {
	case object, table:
		made.shape, made.untyped.kinds = table, tables
		if p.shape == object {
			made.untyped.names = map[string]*Plan{}
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
func untypedLeaf(t reflect.Type) *Plan {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	leaf := func(kinds kinds, whole *Plan) *Plan { return &Plan{untyped: &untyped{kinds: kinds, whole: whole}} }
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
		return leaf(lists, &Plan{child: untypedLeaf(t.Elem()), untyped: &untyped{kinds: lists}})
	case reflect.Map:
		return leaf(tables, &Plan{shape: table, child: untypedLeaf(t.Elem()), untyped: &untyped{kinds: tables}})
	case reflect.Struct:
		made := &Plan{shape: table, untyped: &untyped{kinds: tables, names: map[string]*Plan{}}}
		for _, f := range fieldsOf(t) {
			made.untyped.names[f.name] = untypedLeaf(f.typ)
		}
		return leaf(tables, made)
	}
	return leaf(0, nil)
}

// innerOf is an untyped plan for what is in a leaf of a Go type; nil where there is none.
func (p *Planner) innerOf(t reflect.Type) *Plan {
	if t.Kind() != reflect.Slice {
		return nil
	}
	own := &Planner{markers: p.markers, plans: map[planKey]*Plan{}, failed: map[reflect.Type]error{}}
	item, err := own.compile(t.Elem(), marker{})
	if err != nil {
		return nil
	}
	return &Plan{child: untypedOf(item, map[*Plan]*Plan{}), untyped: &untyped{kinds: lists}}
}
