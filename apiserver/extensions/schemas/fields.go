package schemas

import (
	"reflect"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// props is the type of a schema.
type props = apiextensionsv1.JSONSchemaProps

// shape has the members of a schema in the order in which they are written.
type shape struct {
	heads []string // a name with its quotes and a colon
	index map[string]int
}

// shapeOf the type of schemas, which is found out once.
var shapeOf = sync.OnceValue(func() *shape {
	s := &shape{index: map[string]int{}}
	t := reflect.TypeFor[props]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		s.heads = append(s.heads, `"`+name+`":`)
		s.index[name] = i
	}
	return s
})
