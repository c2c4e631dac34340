package custom

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// everything is a schema with all that says how values are merged.
const everything = `{"type":"object","properties":{
 "spec":{"type":"object","properties":{
  "text":{"type":"string"},"number":{"type":"integer"},"fraction":{"type":"number"},"flag":{"type":"boolean"},"time":{"type":"string","format":"date-time"},"void":{"type":"string","nullable":true},
  "either":{"x-kubernetes-int-or-string":true},"standard":{"type":"string","default":"by default"},
  "atomic":{"type":"array","items":{"type":"object","properties":{"a":{"type":"string"},"set":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"}}}},
  "set":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"},
  "numbers":{"type":"array","items":{"type":"integer"},"x-kubernetes-list-type":"set"},
  "ports":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["port","protocol"],"items":{"type":"object","required":["port"],"properties":{
    "port":{"type":"integer"},"protocol":{"type":"string","default":"TCP"},"name":{"type":"string"},"tags":{"type":"object","additionalProperties":{"type":"string"}}}}},
  "labels":{"type":"object","additionalProperties":{"type":"string"}},
  "whole":{"type":"object","x-kubernetes-map-type":"atomic","properties":{"a":{"type":"string"},"b":{"type":"object","additionalProperties":{"type":"integer"}}}},
  "nested":{"type":"object","additionalProperties":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"integer"}}}}}},
  "open":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"a":{"type":"string"}}},
  "free":{"type":"object"},
  "any":{"x-kubernetes-preserve-unknown-fields":true},
  "embedded":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true},
  "typed":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"spec":{"type":"object","properties":{"a":{"type":"string"}}}}}
 }},
 "status":{"type":"object","properties":{"phase":{"type":"string"},"conditions":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["type"],
  "items":{"type":"object","required":["type"],"properties":{"type":{"type":"string"},"status":{"type":"string"},"at":{"type":"string","format":"date-time"}}}}}}
}}`

// maker makes random objects of that schema.
type maker struct{ *rand.Rand }

func (m maker) word() string {
	return []string{"", "a", "b", "web", "it's \"quoted\"", "<b>&\\", "snö", "app.kubernetes.io/name", "TCP", "x y"}[m.IntN(10)]
}

func (m maker) text() any { return m.word() }

func (m maker) number() any { return int64(m.IntN(12) * 37 % 100) }

// put sets a value most of the time, and nothing or a null otherwise.
func (m maker) put(into map[string]any, name string, value func() any) {
	switch n := m.IntN(40); {
	case n == 0:
		into[name] = nil
	case n < 25:
		into[name] = value()
	}
}

func (m maker) list(value func() any) any {
	out := []any{}
	for range m.IntN(4) {
		out = append(out, value())
	}
	return out
}

func (m maker) table(value func() any) any {
	out := map[string]any{}
	for range m.IntN(4) {
		m.put(out, m.word(), value)
	}
	return out
}

// anything is a value of no type.
func (m maker) anything() any {
	switch m.IntN(6) {
	case 0:
		return m.table(m.anything)
	case 1:
		return m.list(m.anything)
	case 2:
		return m.number()
	case 3:
		return m.IntN(2) == 0
	case 4:
		return float64(m.IntN(3)) / 2
	}
	return m.text()
}

// distinct are items of which none has the key of another.
func (m maker) distinct(value func() any, keys ...string) any {
	out, seen := []any{}, map[string]bool{}
	for range m.IntN(5) {
		item := value()
		key := fmt.Sprint(item)
		if members, ok := item.(map[string]any); ok {
			key = ""
			for _, name := range keys {
				of, found := members[name]
				if !found && name == "protocol" {
					of = "TCP"
				}
				key += fmt.Sprint(of) + "/"
			}
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, item)
		}
	}
	return out
}

func (m maker) port() any {
	one := map[string]any{"port": m.number()}
	m.put(one, "name", m.text)
	m.put(one, "tags", func() any { return m.table(m.text) })
	if m.IntN(2) == 0 {
		one["protocol"] = []string{"TCP", "UDP"}[m.IntN(2)]
	}
	return one
}

func (m maker) nested() any {
	one := map[string]any{}
	m.put(one, "a", m.text)
	m.put(one, "b", func() any { return map[string]any{"c": m.number()} })
	return one
}

func (m maker) spec() any {
	s := map[string]any{}
	for _, field := range []struct {
		name  string
		value func() any
	}{
		{"text", m.text}, {"number", m.number}, {"flag", func() any { return m.IntN(2) == 0 }}, {"void", m.text}, {"standard", m.text}, {"time", func() any { return "2020-01-01T00:00:00Z" }},
		{"fraction", func() any { return []any{1.5, int64(2), 2.0}[m.IntN(3)] }}, {"either", func() any { return []any{int64(1), "50%"}[m.IntN(2)] }},
		{"atomic", func() any {
			return m.list(func() any { return map[string]any{"a": m.word(), "set": m.distinct(m.text)} })
		}},
		{"set", func() any { return m.distinct(m.text) }}, {"numbers", func() any { return m.distinct(m.number) }}, {"ports", func() any { return m.distinct(m.port, "port", "protocol") }},
		{"labels", func() any { return m.table(m.text) }}, {"whole", func() any { return map[string]any{"a": m.word(), "b": m.table(m.number)} }},
		{"nested", func() any { return m.table(m.nested) }}, {"open", func() any { return map[string]any{"a": m.word(), "more": m.anything(), "b": m.anything()} }},
		{"free", func() any { return m.table(m.anything) }}, {"any", m.anything},
		{"embedded", func() any {
			return map[string]any{"apiVersion": "v1", "kind": m.word(), "metadata": m.metadata(), "other": m.anything()}
		}},
		{"typed", func() any {
			return map[string]any{"apiVersion": "v1", "kind": "X", "metadata": m.metadata(), "spec": map[string]any{"a": m.word()}}
		}},
	} {
		m.put(s, field.name, field.value)
	}
	return s
}

func (m maker) metadata() map[string]any {
	meta := map[string]any{"name": "it"}
	some := func(name string, value func() any) {
		if m.IntN(2) == 0 {
			meta[name] = value()
		}
	}
	some("labels", func() any { return map[string]any{m.word(): m.word(), "a": m.word()} })
	some("annotations", func() any { return map[string]any{m.word(): m.word()} })
	some("finalizers", func() any { return append(m.distinct(m.text).([]any), "last") })
	some("ownerReferences", func() any {
		return []any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": m.word(), "uid": fmt.Sprint(m.IntN(3))}, map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y"}}
	})
	return meta
}

func (m maker) status() any {
	s := map[string]any{}
	m.put(s, "phase", m.text)
	m.put(s, "conditions", func() any {
		return m.distinct(func() any { return map[string]any{"type": m.word(), "status": m.word()} }, "type")
	})
	return s
}

func (m maker) object() *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": m.metadata()}}
	m.put(obj.Object, "spec", m.spec)
	m.put(obj.Object, "status", m.status)
	return obj
}

// changed is an object with some of its parts from another.
func (m maker) changed(of, with map[string]any) map[string]any {
	out := map[string]any{}
	for _, name := range sorted(of) {
		value := of[name]
		below, isMap := value.(map[string]any)
		other, both := with[name].(map[string]any)
		switch {
		case m.IntN(12) == 0 && name != "apiVersion" && name != "kind" && name != "metadata":
		case isMap && both && m.IntN(4) > 0:
			out[name] = m.changed(below, other)
		case m.IntN(6) == 0 && with[name] != nil:
			out[name] = with[name]
		default:
			out[name] = value
		}
	}
	for _, name := range sorted(with) {
		if _, found := of[name]; !found && m.IntN(6) == 0 {
			out[name] = with[name]
		}
	}
	return (&unstructured.Unstructured{Object: out}).DeepCopy().Object
}

// wish is some of an object, as it may be applied.
func (m maker) wish(value any) any {
	if items, ok := value.([]any); ok && m.IntN(3) == 0 {
		items = slices.Clone(items)
		m.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		return items
	}
	members, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := map[string]any{}
	for _, name := range sorted(members) {
		if m.IntN(3) > 0 {
			out[name] = m.wish(members[name])
		}
	}
	return out
}

func sorted(members map[string]any) []string {
	var names []string
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
