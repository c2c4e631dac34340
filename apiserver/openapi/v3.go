package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The shapes of OpenAPI v3, their fields in the order in which upstream writes them.
type (
	infoObject struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	}
	typeOrRef struct {
		Ref    string `json:"$ref,omitempty"`
		Type   string `json:"type,omitempty"`
		Unique bool   `json:"uniqueItems,omitempty"`
	}
	parameterV3 struct {
		Name        string    `json:"name"`
		In          string    `json:"in"`
		Description string    `json:"description,omitempty"`
		Required    bool      `json:"required,omitempty"`
		Schema      typeOrRef `json:"schema"`
	}
	mediaV3 struct {
		Schema typeOrRef `json:"schema"`
	}
	bodyV3 struct {
		Content  map[string]mediaV3 `json:"content"`
		Required bool               `json:"required,omitempty"`
	}
	responseV3 struct {
		Description string             `json:"description"`
		Content     map[string]mediaV3 `json:"content,omitempty"`
	}
	kindObject struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		Kind    string `json:"kind"`
	}
	operationV3 struct {
		Tags        []string              `json:"tags"`
		Description string                `json:"description"`
		ID          string                `json:"operationId"`
		Parameters  []parameterV3         `json:"parameters,omitempty"`
		Body        *bodyV3               `json:"requestBody,omitempty"`
		Responses   map[string]responseV3 `json:"responses"`
		Action      string                `json:"x-kubernetes-action,omitempty"`
		Kind        *kindObject           `json:"x-kubernetes-group-version-kind,omitempty"`
	}
)

func (t typeOrRef) unique() typeOrRef {
	t.Unique = true
	return t
}

// modelOf refers to a schema, or is a plain string.
func modelOf(model, prefix string) typeOrRef {
	if model == "string" {
		return typeOrRef{Type: model}
	}
	return typeOrRef{Ref: prefix + model}
}

func contentV3(model string, types []string) map[string]mediaV3 {
	if model == "" {
		return nil
	}
	content := map[string]mediaV3{}
	for _, media := range types {
		content[media] = mediaV3{Schema: modelOf(model, refV3)}
	}
	return content
}

func parametersV3(list []parameter) []parameterV3 {
	var out []parameterV3
	for _, p := range list {
		out = append(out, parameterV3{Name: p.name, In: p.in, Description: p.description, Required: p.required, Schema: typeOrRef{Type: p.kind}.unique()})
	}
	return out
}

func (o *operation) v3() operationV3 {
	out := operationV3{Tags: []string{o.tag}, Description: o.description, ID: o.id, Parameters: parametersV3(o.parameters), Action: o.action,
		Kind: kindOf(o.kind), Responses: map[string]responseV3{}}
	if o.body != nil {
		out.Body = &bodyV3{Content: contentV3(o.body.model, o.consumes), Required: o.body.required}
	}
	for _, a := range o.answers {
		out.Responses[a.code] = responseV3{Description: a.description, Content: contentV3(a.model, o.produces)}
	}
	return out
}

func kindOf(kind *schema.GroupVersionKind) *kindObject {
	if kind == nil {
		return nil
	}
	return &kindObject{Group: kind.Group, Version: kind.Version, Kind: kind.Kind}
}

// methodOrder is the order of a path's operations.
var methodOrder = []string{"get", "put", "post", "delete", "options", "head", "patch"}

// writePaths writes paths as one JSON object, their operations and parameters made by the two functions.
func writePaths(out *bytes.Buffer, paths []*path, op func(*operation) any, shared func([]parameter) any) error {
	slices.SortFunc(paths, func(a, b *path) int { return bytes.Compare([]byte(a.template), []byte(b.template)) })
	out.WriteByte('{')
	for i, p := range paths {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "%q:{", p.template)
		first := true
		field := func(name string, value any) error {
			if !first {
				out.WriteByte(',')
			}
			first = false
			fmt.Fprintf(out, "%q:", name)
			return writeJSON(out, value)
		}
		for _, method := range methodOrder {
			for _, o := range p.operations {
				if o.method != method {
					continue
				}
				if err := field(method, op(o)); err != nil {
					return err
				}
			}
		}
		if len(p.shared) > 0 {
			if err := field("parameters", shared(p.shared)); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	}
	out.WriteByte('}')
	return nil
}

func writeJSON(out *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("writing OpenAPI: %w", err)
	}
	out.Truncate(out.Len() - 1) // the newline
	return nil
}

// documentV3 writes the paths and all schemas that they need. custom is for the document of a group version that definitions make.
func documentV3(info infoObject, gv schema.GroupVersion, custom bool, paths []*path, schemas map[string]Schema) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`{"openapi":"3.0.0","info":`)
	if err := writeJSON(&out, info); err != nil {
		return nil, err
	}
	out.WriteString(`,"paths":`)
	start := out.Len()
	if err := writePaths(&out, paths, func(o *operation) any { return o.v3() }, func(list []parameter) any { return parametersV3(list) }); err != nil {
		return nil, err
	}
	names := reachable(bytes.Clone(out.Bytes()[start:]), refV3, func(name string) []byte { return schemas[name].V3 })
	var parts []string
	if len(names) > 0 {
		var all bytes.Buffer
		for i, name := range slices.Sorted(maps.Keys(names)) {
			if i > 0 {
				all.WriteByte(',')
			}
			fmt.Fprintf(&all, "%q:", name)
			if custom {
				all.Write(ofAll(name, schemas[name]))
			} else {
				all.Write(ofGroup(name, schemas[name].V3, gv))
			}
		}
		parts = append(parts, `"schemas":{`+all.String()+`}`)
	}
	if !custom {
		parts = append(parts, `"securitySchemes":{"BearerToken":{"type":"apiKey","description":"Bearer Token authentication","name":"authorization","in":"header"}}`)
	}
	out.WriteString(`,"components":{` + strings.Join(parts, ",") + `}}`)
	return out.Bytes(), nil
}

// ofGroup adds the kind in the document's own group to the schemas of the two types of metav1 that are kinds of every group.
func ofGroup(name string, data []byte, gv schema.GroupVersion) []byte {
	if gv.Group == "" {
		return data
	}
	for _, kind := range []string{"DeleteOptions", "WatchEvent"} {
		if name == optionsPackage+kind {
			own := fmt.Sprintf(`%s,{"group":%q,"kind":%q,"version":%q}]`, everyGroup(kind), gv.Group, kind, gv.Version)
			return bytes.Replace(data, []byte(everyGroup(kind)+"]"), []byte(own), 1)
		}
	}
	return data
}

func everyGroup(kind string) string {
	return fmt.Sprintf(`"x-kubernetes-group-version-kind":[{"group":"","kind":%q,"version":"v1"}`, kind)
}

// ofAll has DeleteOptions be a kind of all group versions that clients have types of, as upstream says beside custom resources: those
// that v2 names, but for what only servers have.
func ofAll(name string, of Schema) []byte {
	const kinds = `"x-kubernetes-group-version-kind":[`
	if name != optionsPackage+"DeleteOptions" {
		return of.V3
	}
	before, _, found := bytes.Cut(of.V3, []byte(kinds))
	_, all, known := bytes.Cut(of.V2, []byte(kinds))
	if !found || !known {
		return of.V3
	}
	list, after, _ := bytes.Cut(all, []byte("]"))
	var kept []string
	for kind := range strings.SplitAfterSeq(string(list), "}") {
		kind = strings.TrimPrefix(kind, ",")
		if kind != "" && !slices.ContainsFunc(serverGroups(), func(group string) bool { return strings.Contains(kind, `"group":"`+group+`"`) }) {
			kept = append(kept, kind)
		}
	}
	return slices.Concat(before, []byte(kinds+strings.Join(kept, ",")+"]"), after)
}

// serverGroups are those of which the usual clients have no types.
func serverGroups() []string {
	return []string{"admission.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "imagepolicy.k8s.io", "metrics.k8s.io"}
}
