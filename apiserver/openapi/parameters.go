package openapi

import (
	"encoding/json"
	"slices"
)

const (
	optionsPackage = "io.k8s.apimachinery.pkg.apis.meta.v1."
	corePackage    = "io.k8s.api.core.v1."
)

var (
	prettyParameter = parameter{name: "pretty", in: "query", kind: "string",
		description: "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget)."}
	namespaceParameter = parameter{name: "namespace", in: "path", kind: "string", required: true,
		description: "object name and auth scope, such as for teams and projects"}
	pathParameter = parameter{name: "path", in: "path", kind: "string", required: true, description: "path to the resource"}
)

func nameParameter(kind string) parameter {
	return parameter{name: "name", in: "path", kind: "string", required: true, description: "name of the " + kind}
}

// queries makes the parameters of a query of an options type: its fields that are plain values or lists of them.
type queries struct {
	schemas map[string]Schema
	known   map[string][]parameter
}

type optionsSchema struct {
	Properties map[string]struct {
		Type        string `json:"type"`
		Format      string `json:"format"`
		Description string `json:"description"`
		Items       *struct {
			Type string `json:"type"`
		} `json:"items"`
	} `json:"properties"`
}

// of returns the parameters of the options type that the schema of that name describes, without those named.
func (q *queries) of(model string, without ...string) []parameter {
	list, ok := q.known[model]
	if !ok {
		list = q.parse(model)
		q.known[model] = list
	}
	return slices.DeleteFunc(slices.Clone(list), func(p parameter) bool { return slices.Contains(without, p.name) })
}

func (q *queries) parse(model string) []parameter {
	var options optionsSchema
	if err := json.Unmarshal(q.schemas[model].V2, &options); err != nil {
		return nil // a type that has no schema has no parameters to speak of
	}
	var list []parameter
	for name, field := range options.Properties {
		if name == "kind" || name == "apiVersion" {
			continue
		}
		kind := field.Type
		if kind == "array" && field.Items != nil {
			kind = field.Items.Type
		}
		if (kind == "string" && field.Format != "date-time") || kind == "boolean" || kind == "integer" {
			list = append(list, parameter{name: name, in: "query", description: field.Description, kind: kind})
		}
	}
	sortParameters(list)
	return list
}

func (q *queries) list() []parameter { return q.of(optionsPackage + "ListOptions") }

func (q *queries) delete() []parameter { return q.of(optionsPackage + "DeleteOptions") }

// deleteCollection selects like a list and deletes like a deletion.
func (q *queries) deleteCollection() []parameter {
	return append(q.of(optionsPackage+"ListOptions", "allowWatchBookmarks", "watch"), q.delete()...)
}
