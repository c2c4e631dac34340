package fieldmanager

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// form is what the published schema of a kind says of how values are merged, which is all that is known here: not what plans make of it.
type form struct {
	*spec.Schema
	models map[string]*spec.Schema
}

func formOf(t testing.TB, row *resource.Resource) *form {
	t.Helper()
	models, name := map[string]*spec.Schema{}, openapi.ModelName(row.Storage().New())
	if err := AddModel(name, models); err != nil {
		t.Fatal(err)
	}
	return &form{Schema: models[name], models: models}
}

// says is what a marker has of a value, or of its type.
func (f *form) says(marker string) string {
	said, _ := f.Extensions.GetString(marker)
	if said == "" {
		said, _ = f.of(f.Schema).Extensions.GetString(marker)
	}
	return said
}

// of leads from a reference to what it refers to.
func (f *form) of(s *spec.Schema) *spec.Schema {
	for {
		switch {
		case s.Ref.String() != "":
			s = f.models[path.Base(s.Ref.String())]
		case len(s.AllOf) == 1:
			s = &s.AllOf[0]
		default:
			return s
		}
	}
}

// below is the form of what has a name, or of the items of a list; nil for what there is none of.
func (f *form) below(name string) *form {
	s := f.of(f.Schema)
	if property, known := s.Properties[name]; known {
		return &form{Schema: &property, models: f.models}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		return &form{Schema: s.AdditionalProperties.Schema, models: f.models}
	}
	return nil
}

func (f *form) item() *form { return &form{Schema: f.of(f.Schema).Items.Schema, models: f.models} }

// whole says whether a value is owned as a whole.
func (f *form) whole() bool {
	s := f.of(f.Schema)
	list := f.says("x-kubernetes-list-type")
	return f.says("x-kubernetes-map-type") == "atomic" || len(s.Properties) == 0 && s.AdditionalProperties == nil && list != "set" && list != "map"
}

func (f *form) keys() []string {
	keys, _ := f.Extensions.GetStringSlice("x-kubernetes-list-map-keys")
	return keys
}

// keyOf is what tells an item of a list from others; false for none.
func (f *form) keyOf(item any) (string, bool) {
	if f.says("x-kubernetes-list-type") == "set" {
		return fmt.Sprintf("%T %v", item, item), isScalar(item)
	}
	members, _ := item.(map[string]any)
	text := ""
	for _, key := range f.keys() {
		value, named := members[key]
		if !named {
			value = f.item().below(key).Default
		}
		if named && !isScalar(value) {
			return "", false
		}
		if value != nil {
			text += fmt.Sprintf("%s=%v,", key, value)
		}
	}
	return text, text != ""
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, int64, bool:
		return true
	}
	return false
}

// wish is what somebody may apply: some of an object, with members that are null or empty here and there and lists in another order.
func (f *form) wish(v any, random *rand.Rand) any {
	if random.IntN(60) == 0 {
		return nil
	}
	if f == nil || f.whole() {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if random.IntN(5) < 3 {
				out[name] = f.below(name).wish(v[name], random)
			}
		}
		return out
	case []any:
		return f.wishItems(v, random)
	}
	return v
}

func (f *form) wishItems(items []any, random *rand.Rand) []any {
	out, seen := []any{}, map[string]bool{}
	for _, one := range items {
		key, has := f.keyOf(one)
		if !has || seen[key] || random.IntN(4) == 0 {
			continue
		}
		seen[key] = true
		if f.says("x-kubernetes-list-type") == "set" {
			out = append(out, one)
			continue
		}
		members, ok := f.item().wish(one, random).(map[string]any)
		if !ok {
			continue
		}
		for _, key := range f.keys() {
			if value, named := one.(map[string]any)[key]; named {
				members[key] = value
			}
		}
		out = append(out, members)
	}
	if random.IntN(3) == 0 {
		random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}

// tidy removes items of lists that are there twice, or have no key.
func (f *form) tidy(v any) any {
	if f == nil || f.whole() {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = f.below(name).tidy(v[name])
		}
	case []any:
		var out []any
		seen := map[string]bool{}
		for _, one := range v {
			if key, has := f.keyOf(one); has && !seen[key] {
				seen[key] = true
				out = append(out, f.item().tidy(one))
			}
		}
		return out
	}
	return v
}
