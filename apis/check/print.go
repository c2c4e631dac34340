package check

import (
	"encoding/json"
	"reflect"
)

// GoNames is a value that is printed with the names that its fields have in Go, as they are known to those
// who read about objects that changed: {"Name":"a"} in place of {"name":"a"}.
func GoNames(value any) json.Marshaler {
	return goNames{reflect.ValueOf(value)}
}

type goNames struct{ value reflect.Value }

// MarshalJSON implements json.Marshaler. Fields stay in their order, empty ones are there.
func (g goNames) MarshalJSON() ([]byte, error) {
	v := g.value
	if _, own := v.Interface().(json.Marshaler); own {
		return json.Marshal(v.Interface())
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return []byte("null"), nil
		}
		return goNames{v.Elem()}.MarshalJSON()
	case reflect.Struct:
		return g.fields()
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return json.Marshal(v.Interface())
		}
		items := make([]goNames, 0, v.Len())
		for i := range v.Len() {
			items = append(items, goNames{v.Index(i)})
		}
		return json.Marshal(items)
	case reflect.Map:
		if v.IsNil() {
			return []byte("null"), nil
		}
		entries := map[string]goNames{}
		for _, key := range v.MapKeys() {
			entries[key.String()] = goNames{v.MapIndex(key)}
		}
		return json.Marshal(entries)
	}
	return json.Marshal(v.Interface())
}

func (g goNames) fields() ([]byte, error) {
	out := []byte{'{'}
	for i := range g.value.NumField() {
		if i > 0 {
			out = append(out, ',')
		}
		value, err := goNames{g.value.Field(i)}.MarshalJSON()
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, '"'), g.value.Type().Field(i).Name...), '"', ':')
		out = append(out, value...)
	}
	return append(out, '}'), nil
}
