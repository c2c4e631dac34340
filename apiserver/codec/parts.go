package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Part names members of a Go type by what they are called in JSON. A member with a part of its own is meant in so far only, one
// without as a whole:
//
//	{"metadata": {"labels": nil}, "status": nil}   all of the status, and the labels alone of the metadata
type Part map[string]Part

// PartOf are the members of an object that a document in JSON has values for, as deep as the object consists of structs. It
// returns false where the object cannot be divided like that, or where the document names what is no member.
func PartOf(obj runtime.Object, document map[string]any) (Part, bool) {
	return partOf(structOf(obj).Type(), document)
}

func partOf(t reflect.Type, document map[string]any) (Part, bool) {
	members, ok := membersOf(t)
	if !ok || len(document) == 0 {
		return nil, false
	}
	part := make(Part, len(document))
	for name, value := range document {
		i, ok := members.index[name]
		if !ok { // a directive, which begins with $, is about all the members beside it
			return nil, false
		}
		part[name] = nil
		if inner, ok := value.(map[string]any); ok && t.Field(i).Type.Kind() == reflect.Struct {
			if below, ok := partOf(t.Field(i).Type, inner); ok {
				part[name] = below
			}
		}
	}
	return part, true
}

// Take sets the part of an object, and its type, to that of another one of the same Go type. They share it from then on.
func (p Part) Take(to, from runtime.Object) { p.take(structOf(to), structOf(from)) }

func (p Part) take(to, from reflect.Value) {
	members, _ := membersOf(to.Type())
	for i, name := range members.names {
		switch below, named := p[name]; {
		case below != nil:
			below.take(to.Field(i), from.Field(i))
		case named || name == "":
			to.Field(i).Set(from.Field(i))
		}
	}
}

// TakeOthers is Take of all that is not in the part.
func (p Part) TakeOthers(to, from runtime.Object) { p.takeOthers(structOf(to), structOf(from)) }

func (p Part) takeOthers(to, from reflect.Value) {
	members, _ := membersOf(to.Type())
	for i, name := range members.names {
		switch below, named := p[name]; {
		case below != nil:
			below.takeOthers(to.Field(i), from.Field(i))
		case !named && name != "":
			to.Field(i).Set(from.Field(i))
		}
	}
}

// Clear empties an object.
func Clear(obj runtime.Object) { structOf(obj).SetZero() }

func structOf(obj runtime.Object) reflect.Value { return reflect.Indirect(reflect.ValueOf(obj)) }

// members of a struct in JSON.
type members struct {
	names []string // of each field; empty for the type of an object, which is not divided
	index map[string]int
}

// known has the members of a type, or nil for one that cannot be divided.
//
// What types are like does not change.
var known sync.Map

func membersOf(t reflect.Type) (*members, bool) {
	if found, ok := known.Load(t); ok {
		m := found.(*members)
		return m, m != nil
	}
	m := findMembers(t)
	known.Store(t, m)
	return m, m != nil
}

func findMembers(t reflect.Type) *members {
	if t.Kind() != reflect.Struct || encodesItself(t) {
		return nil
	}
	m := &members{names: make([]string, t.NumField()), index: map[string]int{}}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type == reflect.TypeFor[metav1.TypeMeta]() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "" || name == "-" || strings.Contains(options, "inline") {
			return nil // its own fields are members, or nobody's
		}
		m.names[i], m.index[name] = name, i
	}
	return m
}

func encodesItself(t reflect.Type) bool {
	for _, by := range []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if t.Implements(by) || reflect.PointerTo(t).Implements(by) {
			return true
		}
	}
	return false
}
