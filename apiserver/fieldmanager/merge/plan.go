package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// ErrNoPlan says that values of a type can only be compared as untyped trees.
var ErrNoPlan = errors.New("no plan for this type")

// A Plan says how two values of one Go type are compared field by field.
type Plan struct {
	shape shape
	// equal compares two leaves, neither of which is null.
	equal  func(l, r reflect.Value) bool
	fields []fieldPlan  // of a struct, by name
	child  *Plan        // of a list or map
	keys   []keyPlan    // of a list with keys, by name
	nested bool         // whether there are sets and lists with keys within a leaf
	inner  *Plan        // an untyped one for what is in such a leaf, by which that is looked through; nil where that cannot be done
	typ    reflect.Type // of a leaf
	// untyped is set for values that have no Go type.
	untyped *untyped
	loose   bool // whether a leaf is one for comparing only: what it holds has no type, and its members are owned one by one
}

type shape int

const (
	leaf   shape = iota // compared as a whole: scalars, and all that is atomic
	object              // a struct
	table               // a map with string keys
	keyed               // a list whose items are told apart by some of their fields
	set                 // a list of scalars of which each is there or not
)

// fieldPlan is a field as JSON has it.
type fieldPlan struct {
	name      string
	element   string
	path      [][]int // through structs that are inlined
	typ       reflect.Type
	omitEmpty bool
	omitZero  func(reflect.Value) bool
	plan      *Plan
	key       reflect.Value // the name, for maps of what has no Go type
}

// keyPlan is one of the fields that tell items apart.
type keyPlan struct {
	field  *fieldPlan
	preset paths.Scalar
}

// Planner compiles plans and keeps them.
type Planner struct {
	mu      sync.Mutex
	markers map[string]marker
	roots   map[reflect.Type]*Plan // of kinds
	plans   map[planKey]*Plan
	failed  map[reflect.Type]error
}

type planKey struct {
	typ    reflect.Type
	marker string // of the field that holds the value, where it says more than the type
}

// rootKind marks a whole object and its metadata.
const rootKind = "root"

var (
	quantityType     = reflect.TypeFor[resource.Quantity]()
	timeType         = reflect.TypeFor[metav1.Time]()
	microTimeType    = reflect.TypeFor[metav1.MicroTime]()
	durationType     = reflect.TypeFor[metav1.Duration]()
	intOrStringType  = reflect.TypeFor[intstr.IntOrString]()
	rawExtensionType = reflect.TypeFor[runtime.RawExtension]()
	objectMetaType   = reflect.TypeFor[metav1.ObjectMeta]()
	marshalerType    = reflect.TypeFor[json.Marshaler]()
	converterType    = reflect.TypeFor[value.UnstructuredConverter]()
)

// ForType returns the plan of a kind's Go type, a struct.
func (p *Planner) ForType(t reflect.Type) (*Plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.markers == nil {
		p.markers, p.plans, p.failed = parseMarkers(markersText), map[planKey]*Plan{}, map[reflect.Type]error{}
		p.roots = map[reflect.Type]*Plan{}
	}
	if known := p.roots[t]; known != nil {
		return known, nil
	}
	if err := p.failed[t]; err != nil {
		return nil, err
	}
	made, err := p.compile(t, marker{kind: rootKind})
	if err != nil {
		p.failed[t] = err
		// What was compiled on the way may lead to parts that are not.
		p.plans, p.roots = map[planKey]*Plan{}, map[reflect.Type]*Plan{}
		return nil, err
	}
	p.roots[t] = made
	return made, nil
}

// compile makes the plan of a type as held by a field with a marker.
func (p *Planner) compile(t reflect.Type, m marker) (*Plan, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if m.kind == "" && t.PkgPath() != "" {
		m = p.markers[openapi.ModelName(reflect.Zero(t).Interface())+" -"]
	}
	key := planKey{typ: t, marker: fmt.Sprint(m)}
	if known := p.plans[key]; known != nil {
		return known, nil
	}
	made := &Plan{}
	p.plans[key] = made // types may hold themselves
	return made, p.fill(made, t, m)
}

func (p *Planner) fill(made *Plan, t reflect.Type, m marker) error {
	made.typ = t
	switch t {
	case quantityType, timeType, microTimeType, durationType, intOrStringType, rawExtensionType:
		made.equal, made.loose = equalityOf(t), t == rawExtensionType
		return nil
	}
	if t.Implements(marshalerType) || reflect.PointerTo(t).Implements(marshalerType) || reflect.PointerTo(t).Implements(converterType) {
		return fmt.Errorf("comparing %s: %w", t, ErrNoPlan)
	}
	switch t.Kind() {
	case reflect.Struct:
		if m.kind == "atomic" {
			break
		}
		made.shape = object
		return p.fillObject(made, t, m.kind == rootKind)
	case reflect.Map:
		if m.kind == "atomic" {
			break
		}
		if t.Key().Kind() != reflect.String {
			return fmt.Errorf("comparing %s: %w", t, ErrNoPlan)
		}
		made.shape = table
		child, err := p.compile(t.Elem(), marker{})
		made.child = child
		return err
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 && (m.kind == "set" || m.kind == "map") {
			return p.fillList(made, t, m)
		}
	case reflect.Interface, reflect.Chan, reflect.Func, reflect.Array:
		return fmt.Errorf("comparing %s: %w", t, ErrNoPlan)
	}
	made.equal, made.nested = equalityOf(t), p.hasLists(t, map[reflect.Type]bool{})
	if made.nested {
		made.inner = p.innerOf(t)
	}
	return nil
}

// hasLists says whether there is a set or a list with keys within values of a type.
func (p *Planner) hasLists(t reflect.Type, seen map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return p.hasLists(t.Elem(), seen)
	case reflect.Interface:
		return true
	case reflect.Struct:
	default:
		return false
	}
	if seen[t] || t.Implements(marshalerType) || reflect.PointerTo(t).Implements(marshalerType) {
		return false
	}
	seen[t] = true
	model := openapi.ModelName(reflect.Zero(t).Interface())
	return slices.ContainsFunc(fieldsOf(t), func(f fieldPlan) bool {
		kind := p.markers[model+" "+f.name].kind
		return kind == "set" || kind == "map" || p.hasLists(f.typ, seen)
	})
}

func (p *Planner) fillList(made *Plan, t reflect.Type, m marker) error {
	child, err := p.compile(t.Elem(), marker{})
	if err != nil {
		return err
	}
	made.child = child
	if m.kind == "set" {
		made.shape = set
		if child.shape != leaf || !isScalar(t.Elem()) {
			return fmt.Errorf("comparing sets of %s: %w", t.Elem(), ErrNoPlan)
		}
		return nil
	}
	made.shape = keyed
	fields := fieldsOf(t.Elem())
	for _, key := range m.keys {
		at := slices.IndexFunc(fields, func(f fieldPlan) bool { return f.name == key.name })
		if at < 0 || !isScalar(fields[at].typ) {
			return fmt.Errorf("comparing lists of %s by %s: %w", t.Elem(), key.name, ErrNoPlan)
		}
		made.keys = append(made.keys, keyPlan{field: &fields[at], preset: key.preset})
	}
	return nil
}

// isScalar says whether values of a type can be keys.
func isScalar(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return !t.Implements(marshalerType)
	}
	return false
}

// fillObject makes the plans of the fields. Of a whole object, nobody owns what says who owns.
func (p *Planner) fillObject(made *Plan, t reflect.Type, root bool) error {
	model := openapi.ModelName(reflect.Zero(t).Interface())
	for _, field := range fieldsOf(t) {
		m := p.markers[model+" "+field.name]
		switch {
		case root && t == objectMetaType && field.name == "managedFields":
			continue
		case root && field.typ == objectMetaType:
			m.kind = rootKind
		}
		child, err := p.compile(field.typ, m)
		if err != nil {
			return err
		}
		field.plan = child
		made.fields = append(made.fields, field)
	}
	return nil
}

// field returns the field of a name, or nil.
func (p *Plan) field(name string) *fieldPlan {
	at, found := slices.BinarySearchFunc(p.fields, name, func(f fieldPlan, name string) int { return strings.Compare(f.name, name) })
	if !found {
		return nil
	}
	return &p.fields[at]
}

// fieldAt returns the field of an element, or nil.
func (p *Plan) fieldAt(element string) *fieldPlan {
	name, isField := strings.CutPrefix(element, "f:")
	if !isField {
		return nil
	}
	return p.field(name)
}

// place is where a struct has the field.
func (f *fieldPlan) place(v reflect.Value) reflect.Value {
	for _, index := range f.path {
		v = opened(v).Field(index[0])
	}
	return v
}

// fieldsOf returns the fields of a struct as JSON has them, by name.
func fieldsOf(t reflect.Type) []fieldPlan {
	byName := map[string]fieldPlan{}
	collectFields(t, nil, byName)
	fields := make([]fieldPlan, 0, len(byName))
	for _, field := range byName {
		fields = append(fields, field)
	}
	slices.SortFunc(fields, func(a, b fieldPlan) int { return strings.Compare(a.name, b.name) })
	return fields
}

func collectFields(t reflect.Type, path [][]int, into map[string]fieldPlan) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		words := strings.Split(tag, ",")
		name, options := words[0], words[1:]
		at := append(slices.Clip(path), f.Index)
		if slices.Contains(options, "inline") {
			collectFields(f.Type, at, into)
			continue
		}
		if name == "" {
			name = f.Name
		}
		field := fieldPlan{name: name, element: paths.Field(name), path: at, typ: f.Type, omitEmpty: slices.Contains(options, "omitempty")}
		if slices.Contains(options, "omitzero") {
			field.omitZero = value.OmitZeroFunc(f.Type)
		}
		into[name] = field
	}
}
