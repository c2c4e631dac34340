package answers

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Difference is one place where two answers differ.
type Difference struct {
	// Path of the place, as in body.spec.containers[0].name.
	Path string
	// Upstream's value and ours, as JSON; empty where there is none.
	Upstream, Ours string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s\n      upstream %s\n      ours     %s", d.Path, short(d.Upstream), short(d.Ours))
}

// short bounds a value for people.
func short(s string) string {
	const most = 1200
	if s == "" {
		return "(none)"
	}
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Compare returns where the answers differ, in the order of their paths. Of an error beside a success only code and message
// are told, and of two errors with other causes the causes that the other has not, for the message repeats them.
func Compare(upstream, ours *Answer) []Difference {
	var all []Difference
	a, b := upstream.normal(), ours.normal()
	if (upstream.Code < 300) != (ours.Code < 300) {
		compare("code", a["code"], b["code"], &all)
		compare("body.message", value(tree(a["body"]), "message"), value(tree(b["body"]), "message"), &all)
		return all
	}
	if ac, bc := causes(a), causes(b); len(ac) > 0 && len(bc) > 0 && !reflect.DeepEqual(ac, bc) {
		all = append(all, differentCauses(ac, bc))
		for _, body := range []map[string]any{tree(a["body"]), tree(b["body"])} {
			delete(body, "message")
			delete(tree(body["details"]), "causes")
		}
	}
	compare("", a, b, &all)
	return all
}

func tree(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func causes(answer map[string]any) []any {
	list, _ := tree(tree(answer["body"])["details"])["causes"].([]any)
	return list
}

func differentCauses(upstream, ours []any) Difference {
	only := func(a, b []any) []any {
		return slices.DeleteFunc(slices.Clone(a), func(cause any) bool {
			return slices.ContainsFunc(b, func(other any) bool { return reflect.DeepEqual(cause, other) })
		})
	}
	a, b := only(upstream, ours), only(ours, upstream)
	if len(a)+len(b) > 0 {
		return Difference{Path: "body.details.causes", Upstream: encode(a), Ours: encode(b)}
	}
	if reflect.DeepEqual(once(upstream), once(ours)) {
		return Difference{Path: "body.details.causes repeated", Upstream: encode(upstream), Ours: encode(ours)}
	}
	return Difference{Path: "body.details.causes order", Upstream: encode(upstream), Ours: encode(ours)}
}

// once leaves out what was said before.
func once(list []any) []any {
	var out []any
	for _, item := range list {
		if !slices.ContainsFunc(out, func(before any) bool { return reflect.DeepEqual(before, item) }) {
			out = append(out, item)
		}
	}
	return out
}

func compare(path string, a, b any, all *[]Difference) {
	if reflect.DeepEqual(a, b) {
		return
	}
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if aok && bok {
		keys := slices.Collect(maps.Keys(am))
		for key := range bm {
			if _, both := am[key]; !both {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			compare(join(path, key), value(am, key), value(bm, key), all)
		}
		return
	}
	al, aok := a.([]any)
	bl, bok := b.([]any)
	if aok && bok && len(al) == len(bl) {
		for i := range al {
			compare(fmt.Sprintf("%s[%d]", path, i), al[i], bl[i], all)
		}
		return
	}
	if an, bn := named(al), named(bl); an != nil && bn != nil {
		compare(path, an, bn, all)
		return
	}
	*all = append(*all, Difference{Path: path, Upstream: encode(a), Ours: encode(b)})
}

// named is a list of texts or of things with names as a map, for lists that differ in what they have; nil for others.
func named(list []any) map[string]any {
	if len(list) == 0 {
		return nil
	}
	out := map[string]any{}
	for _, item := range list {
		name := item
		if m := tree(item); m != nil {
			if name = m["name"]; name == nil {
				name = tree(m["metadata"])["name"]
			}
		}
		text, ok := name.(string)
		if _, twice := out[text]; !ok || twice {
			return nil
		}
		out[text] = item
	}
	return out
}

// absent is the value of a key that is not there, which null is not.
type absent struct{}

func value(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return absent{}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	if strings.ContainsAny(key, ".[]") {
		return path + "[" + key + "]"
	}
	return path + "." + key
}

func encode(v any) string {
	if _, none := v.(absent); none {
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
