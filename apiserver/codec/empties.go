package codec

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Empties knows where objects of a type have lists that JSON shows even when they are empty. Protobuf does not tell such a list
// from none, so that it comes back as null from where it was stored.
type Empties struct {
	fields []emptyField
}

// emptyField is a field that is such a list, or below which there are any.
type emptyField struct {
	index int
	list  bool
	below *Empties
}

// EmptiesOf looks through a type of objects.
func EmptiesOf(t reflect.Type) *Empties { return emptiesOf(t, nil) }

// emptiesOf is nil where there are none; within are the types around, for some contain themselves.
func emptiesOf(t reflect.Type, within []reflect.Type) *Empties {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
		return nil
	}
	for _, outer := range within {
		if outer == t {
			return nil
		}
	}
	within = append(within, t)
	var e Empties
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		list := f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.Uint8 && !strings.Contains(tag, ",omitempty")
		if below := emptiesOf(f.Type, within); list || below != nil {
			e.fields = append(e.fields, emptyField{index: i, list: list, below: below})
		}
	}
	if len(e.fields) == 0 {
		return nil
	}
	return &e
}

// Drop makes empty lists of an object null. It writes nothing where there are none.
func (e *Empties) Drop(object any) {
	if e != nil {
		e.drop(reflect.ValueOf(object))
	}
}

func (e *Empties) drop(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			e.drop(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			e.drop(v.Index(i))
		}
	case reflect.Struct:
		for _, f := range e.fields {
			field := v.Field(f.index)
			if f.list && field.Len() == 0 && !field.IsNil() {
				field.SetZero()
			}
			if f.below != nil {
				f.below.drop(field)
			}
		}
	}
}
