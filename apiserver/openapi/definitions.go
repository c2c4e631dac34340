package openapi

import (
	"bytes"
	_ "embed" // the schemas
	"fmt"
	"reflect"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// packed holds a line for each schema: its name, its form in v3, and its form in v2, separated by tabs.
//
//go:embed definitions.zst
var packed []byte

// Schema is the JSON of one schema in the two versions of OpenAPI. Its references are those of the version.
type Schema struct {
	V3, V2 []byte
}

const (
	refV3 = "#/components/schemas/"
	refV2 = "#/definitions/"
)

// Definitions returns the schemas of all built-in types by name. It unpacks them anew with each call: drop them soon.
func Definitions() (map[string]Schema, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("unpacking schemas: %w", err)
	}
	defer r.Close()
	lines, err := r.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking schemas: %w", err)
	}
	schemas := make(map[string]Schema, 700)
	for line := range bytes.Lines(lines) {
		name, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"))
		v3, v2, found := bytes.Cut(rest, []byte("\t"))
		if !found {
			return nil, fmt.Errorf("unpacking schemas: %q has no second form", name)
		}
		schemas[string(name)] = Schema{V3: v3, V2: v2}
	}
	return schemas, nil
}

// ModelName is the name of the schema of a built-in type.
func ModelName(obj any) string {
	if named, ok := obj.(interface{ OpenAPIModelName() string }); ok {
		return named.OpenAPIModelName()
	}
	t := reflect.TypeOf(obj)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	host, path, _ := strings.Cut(t.PkgPath(), "/")
	parts := strings.Split(host, ".")
	reversed := make([]string, 0, len(parts))
	for _, part := range parts {
		reversed = append([]string{part}, reversed...)
	}
	return strings.Join(reversed, ".") + "." + strings.ReplaceAll(path, "/", ".") + "." + t.Name()
}

// references calls found with each name that JSON refers to.
func references(data []byte, prefix string, found func(name string)) {
	mark := []byte(`"$ref":"` + prefix)
	for {
		_, rest, ok := bytes.Cut(data, mark)
		if !ok {
			return
		}
		name, after, _ := bytes.Cut(rest, []byte(`"`))
		found(string(name))
		data = after
	}
}

// reachable returns the names of all schemas that data refers to, and those that they refer to in turn.
func reachable(data []byte, prefix string, schema func(name string) []byte) map[string]bool {
	known := map[string]bool{}
	var queue []string
	add := func(name string) {
		if !known[name] {
			known[name] = true
			queue = append(queue, name)
		}
	}
	references(data, prefix, add)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		references(schema(name), prefix, add)
	}
	return known
}

// References returns the names of the schemas that one in the form of v3 refers to.
func References(v3 []byte) []string {
	var names []string
	references(v3, refV3, func(name string) { names = append(names, name) })
	return names
}
