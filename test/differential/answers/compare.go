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

// Compare returns where the answers differ, in the order of their paths.
func Compare(upstream, ours *Answer) []Difference {
	var all []Difference
	compare("", upstream.Normal(), ours.Normal(), &all)
	return all
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
	*all = append(*all, Difference{Path: path, Upstream: encode(a), Ours: encode(b)})
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
