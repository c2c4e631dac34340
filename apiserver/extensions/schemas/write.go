package schemas

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// writer appends JSON as encoding/json writes it.
type writer struct {
	out   []byte
	err   error
	shape *shape
	// scratch has a schema for each map that is in another, which a schema of the map is copied to while it is written.
	scratch []*props
	depth   int
}

// appendSchema writes a schema behind out.
func appendSchema(out []byte, s *apiextensionsv1.JSONSchemaProps) ([]byte, error) {
	w := &writer{out: out, shape: shapeOf()}
	w.schema(s)
	return w.out, w.err
}

func (w *writer) schema(s *props) {
	w.out = append(w.out, '{')
	fields := reflect.ValueOf(s).Elem()
	first := len(w.out)
	for i, head := range w.shape.heads {
		if fields.Field(i).IsZero() {
			continue // which nearly all are
		}
		if len(w.out) > first && w.out[len(w.out)-1] != ',' {
			w.out = append(w.out, ',')
		}
		from := len(w.out)
		w.out = append(w.out, head...)
		if !w.field(fields.Field(i).Addr().Interface()) {
			w.out = w.out[:from]
		}
	}
	if w.out[len(w.out)-1] == ',' {
		w.out = w.out[:len(w.out)-1]
	}
	w.out = append(w.out, '}')
}

// field writes the value of a member, and returns false for one that is left out.
func (w *writer) field(value any) bool {
	switch value := value.(type) {
	case *string:
		return *value != "" && w.text(*value)
	case *bool:
		w.out = strconv.AppendBool(w.out, *value)
		return *value
	case **int64:
		if *value == nil {
			return false
		}
		w.out = strconv.AppendInt(w.out, **value, 10)
	case **string:
		return *value != nil && w.text(**value)
	case **bool:
		if *value == nil {
			return false
		}
		w.out = strconv.AppendBool(w.out, **value)
	case *[]string:
		return w.list(len(*value), func(i int) { w.text((*value)[i]) })
	case *[]props:
		return w.list(len(*value), func(i int) { w.schema(&(*value)[i]) })
	case *map[string]props:
		return w.named(*value)
	case **props:
		return w.whole(*value)
	case **apiextensionsv1.JSONSchemaPropsOrArray:
		return w.items(*value)
	case **apiextensionsv1.JSONSchemaPropsOrBool:
		return w.additional(*value)
	default:
		return w.rare(reflect.ValueOf(value).Elem())
	}
	return true
}

func (w *writer) whole(s *props) bool {
	if s != nil {
		w.schema(s)
	}
	return s != nil
}

func (w *writer) items(given *apiextensionsv1.JSONSchemaPropsOrArray) bool {
	switch {
	case given == nil:
		return false
	case len(given.JSONSchemas) > 0:
		return w.list(len(given.JSONSchemas), func(i int) { w.schema(&given.JSONSchemas[i]) })
	case !w.whole(given.Schema):
		w.out = append(w.out, "null"...)
	}
	return true
}

func (w *writer) additional(given *apiextensionsv1.JSONSchemaPropsOrBool) bool {
	switch {
	case given == nil:
		return false
	case !w.whole(given.Schema):
		w.out = strconv.AppendBool(w.out, given.Allows)
	}
	return true
}

func (w *writer) list(count int, item func(i int)) bool {
	w.out = append(w.out, '[')
	for i := range count {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		item(i)
	}
	w.out = append(w.out, ']')
	return count > 0
}

func (w *writer) named(all map[string]props) bool {
	w.out = append(w.out, '{')
	if len(w.scratch) == w.depth {
		w.scratch = append(w.scratch, &props{})
	}
	s := w.scratch[w.depth]
	w.depth++
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.text(name)
		w.out = append(w.out, ':')
		*s = all[name]
		w.schema(s)
	}
	w.depth--
	w.out = append(w.out, '}')
	return len(all) > 0
}

// text writes a string.
func (w *writer) text(text string) bool {
	from := len(w.out)
	w.out = append(w.out, '"')
	done := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			continue
		}
		w.out = append(w.out, text[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			w.out = append(w.out, '\\', c)
		case '\n':
			w.out = append(w.out, `\n`...)
		case '<', '>', '&':
			w.out = append(append(w.out, `\u00`...), hex[c>>4], hex[c&0xf])
		default:
			w.out = w.out[:from]
			return w.rare(reflect.ValueOf(text))
		}
	}
	w.out = append(append(w.out, text[done:]...), '"')
	return true
}

const hex = "0123456789abcdef"

// rare has the library write a value.
func (w *writer) rare(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Slice, reflect.Map:
		if value.Len() == 0 {
			return false
		}
	default:
		if value.IsZero() {
			return false
		}
	}
	data, err := json.Marshal(value.Interface())
	if err != nil {
		w.err = fmt.Errorf("encoding a schema: %w", err)
	}
	w.out = append(w.out, data...)
	return true
}
