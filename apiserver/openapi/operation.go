package openapi

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// operation is one method of one path, in the terms that both versions of OpenAPI share.
type operation struct {
	method, id, description, tag, action string

	kind       *schema.GroupVersionKind
	parameters []parameter
	body       *body
	answers    []answer
	produces   []string
	consumes   []string
}

// parameter is a part of the path or of the query.
type parameter struct {
	name, in, description, kind string

	required bool
}

// body is what is sent: any of the media types.
type body struct {
	model    string
	required bool
}

// answer is one possible response. Model is the name of a schema, "string", or empty where nothing is said about it.
type answer struct {
	code, description, model string
}

// path is a template with its operations; shared are the parameters that all of them have.
type path struct {
	template   string
	shared     []parameter
	operations []*operation
}

var (
	plainTypes  = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
	streamTypes = append(slices.Clip(plainTypes), "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	patchTypes  = []string{"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"}
	anyType     = []string{"*/*"}
	textTypes   = []string{"application/json", "application/yaml"}
)

// share moves the parameters that every operation of the path has to the path.
func (p *path) share() {
	counts := map[parameter]int{}
	for _, o := range p.operations {
		for _, param := range o.parameters {
			counts[param]++
		}
	}
	common := func(param parameter) bool { return counts[param] == len(p.operations) }
	for param := range counts {
		if common(param) {
			p.shared = append(p.shared, param)
		}
	}
	sortParameters(p.shared)
	for _, o := range p.operations {
		o.parameters = slices.DeleteFunc(slices.Clone(o.parameters), common)
		sortParameters(o.parameters)
	}
}

func sortParameters(list []parameter) {
	slices.SortFunc(list, func(a, b parameter) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.in, b.in)) })
}

func answers(model string, codes ...string) []answer {
	words := map[string]string{"200": "OK", "201": "Created", "202": "Accepted"}
	list := make([]answer, 0, len(codes)+1)
	for _, code := range codes {
		list = append(list, answer{code: code, description: words[code], model: model})
	}
	return append(list, answer{code: "401", description: "Unauthorized"})
}
