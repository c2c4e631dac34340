package openapi

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi/words"
)

// member is a row in one of its versions.
type member struct {
	row        *resource.Resource
	gv         schema.GroupVersion
	model      string // the schema of the kind
	listModel  string
	custom     bool // whether a definition describes it
	strategic  bool // whether strategic merge patches are understood
	idVersion  string
	tagVersion string
}

// paths returns the paths of a row in one version.
func (m *member) paths(q *queries) []*path {
	b := &pathBuilder{member: m, queries: q, kind: m.gv.WithKind(m.row.Kind)}
	b.collection()
	b.item()
	if !b.custom {
		b.watches()
	}
	for i := range m.row.Subresources {
		b.subresource(&m.row.Subresources[i])
	}
	return b.all
}

type pathBuilder struct {
	*member
	*queries
	kind schema.GroupVersionKind
	all  []*path
}

func (b *pathBuilder) serves(verb string) bool {
	return b.row.Verbs == nil || slices.Contains(b.row.Verbs, verb)
}

// scope is the path of a collection without the root, and its parameters.
func (b *pathBuilder) scope() (string, []parameter) {
	if b.row.Namespaced {
		return "/namespaces/{namespace}/" + b.row.Name, []parameter{namespaceParameter}
	}
	return "/" + b.row.Name, nil
}

// id is an operation id: verb, group version, scope, kind.
func (b *pathBuilder) id(verb, rest string) string {
	if b.row.Namespaced {
		return verb + "Namespaced" + rest
	}
	return verb + rest
}

func (b *pathBuilder) add(template string, base []parameter, operations ...*operation) {
	operations = slices.DeleteFunc(operations, func(o *operation) bool { return o == nil })
	if len(operations) == 0 {
		return
	}
	for _, o := range operations {
		if b.custom {
			b.asCustom(o)
		}
		o.tag = b.tagVersion
		o.parameters = append(o.parameters, base...)
		if o.action != "connect" {
			o.parameters = append(o.parameters, prettyParameter)
		}
		if o.kind == nil {
			o.kind = &b.kind
		}
		if o.consumes == nil {
			o.consumes = anyType
		}
		if o.produces == nil {
			o.produces = plainTypes
		}
	}
	p := &path{template: words.Root(b.gv) + template, operations: operations}
	p.share()
	b.all = append(b.all, p)
}

// asCustom describes an operation as upstream describes those of custom resources.
func (b *pathBuilder) asCustom(o *operation) {
	o.produces = textTypes
	if o.consumes == nil {
		o.consumes = textTypes
	}
	switch o.action {
	case "get":
		o.parameters = slices.DeleteFunc(b.list(), func(p parameter) bool { return p.name != "resourceVersion" })
	case "deletecollection":
		o.parameters, o.body = b.list(), nil
	case "patch":
		o.answers = slices.DeleteFunc(o.answers, func(a answer) bool { return a.code == "201" })
	}
}

func (b *pathBuilder) collection() {
	scope, base := b.scope()
	var list, create, remove *operation
	if b.serves("list") {
		list = b.listing(b.id("list"+b.idVersion, b.row.Kind))
	}
	if b.serves("create") {
		create = &operation{method: "post", action: "post", id: b.id("create"+b.idVersion, b.row.Kind), description: "create " + words.WithArticle(b.row.Kind),
			parameters: b.of(optionsPackage + "CreateOptions"), body: &body{model: b.model, required: true}, answers: answers(b.model, "200", "201", "202")}
	}
	if b.serves("deletecollection") {
		remove = &operation{method: "delete", action: "deletecollection", id: b.id("delete"+b.idVersion+"Collection", b.row.Kind),
			description: "delete collection of " + b.row.Kind, parameters: b.deleteCollection(),
			body: &body{model: optionsPackage + "DeleteOptions"}, answers: answers(optionsPackage+"Status", "200")}
	}
	b.add(scope, base, list, create, remove)
	if b.row.Namespaced && list != nil {
		b.add("/"+b.row.Name, nil, b.listing("list"+b.idVersion+b.row.Kind+"ForAllNamespaces"))
	}
}

func (b *pathBuilder) listing(id string) *operation {
	words := "list or watch objects of kind "
	if b.custom || !b.serves("watch") {
		words = "list objects of kind "
	}
	return &operation{method: "get", action: "list", id: id, description: words + b.row.Kind, parameters: b.list(),
		answers: answers(b.listModel, "200"), produces: streamTypes}
}

func (b *pathBuilder) item() {
	scope, base := b.scope()
	base = append(base, nameParameter(b.row.Kind))
	var get, put, remove, patch *operation
	if b.serves("get") {
		get = b.reading("", b.model)
	}
	if b.serves("update") {
		put = b.replacing("", b.model)
	}
	if b.serves("delete") {
		// What is gone at once is answered with a Status by most kinds; upstream says so for all but a few.
		remove = &operation{method: "delete", action: "delete", id: b.id("delete"+b.idVersion, b.row.Kind), description: "delete " + words.WithArticle(b.row.Kind),
			parameters: b.delete(), body: &body{model: optionsPackage + "DeleteOptions"}, answers: answers(b.deleted(), "200", "202")}
	}
	if b.serves("patch") {
		patch = b.patching("", b.model)
	}
	b.add(scope+"/{name}", base, get, put, remove, patch)
}

// reading, replacing and patching are the operations of an object or of a view of it.
func (b *pathBuilder) reading(sub, model string) *operation {
	return &operation{method: "get", action: "get", id: b.id("read"+b.idVersion, b.row.Kind+words.Title(sub)), description: "read " + of(sub) + b.row.Kind,
		answers: answers(model, "200")}
}

func (b *pathBuilder) replacing(sub, model string) *operation {
	return &operation{method: "put", action: "put", id: b.id("replace"+b.idVersion, b.row.Kind+words.Title(sub)), description: "replace " + of(sub) + b.row.Kind,
		parameters: b.of(optionsPackage + "UpdateOptions"), body: &body{model: model, required: true}, answers: answers(model, "200", "201")}
}

func (b *pathBuilder) patching(sub, model string) *operation {
	types := patchTypes
	if !b.strategic {
		types = slices.DeleteFunc(slices.Clone(types), func(t string) bool { return strings.Contains(t, "strategic") })
	}
	return &operation{method: "patch", action: "patch", id: b.id("patch"+b.idVersion, b.row.Kind+words.Title(sub)), description: "partially update " + of(sub) + b.row.Kind,
		parameters: b.of(optionsPackage + "PatchOptions"), body: &body{model: optionsPackage + "Patch", required: true}, consumes: types,
		answers: answers(model, "200", "201")}
}

func of(sub string) string {
	if sub == "" {
		return "the specified "
	}
	return sub + " of the specified "
}

// watches are the old paths of watching.
func (b *pathBuilder) watches() {
	if !b.serves("watch") {
		return
	}
	scope, base := b.scope()
	watch := func(id, action, words string) *operation {
		return &operation{method: "get", action: action, id: id, description: words, parameters: b.list(),
			answers: answers(optionsPackage+"WatchEvent", "200"), produces: streamTypes}
	}
	changes := "watch individual changes to a list of " + b.row.Kind + ". deprecated: use the 'watch' parameter with a list operation instead."
	if b.row.Namespaced {
		b.add("/watch/"+b.row.Name, nil, watch("watch"+b.idVersion+b.row.Kind+"ListForAllNamespaces", "watchlist", changes))
	}
	b.add("/watch"+scope, base, watch(b.id("watch"+b.idVersion, b.row.Kind+"List"), "watchlist", changes))
	b.add("/watch"+scope+"/{name}", append(base, nameParameter(b.row.Kind)), watch(b.id("watch"+b.idVersion, b.row.Kind), "watch",
		"watch changes to an object of kind "+b.row.Kind+". deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter."))
}
