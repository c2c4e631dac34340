package openapi

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi/words"
)

// returnsDeleted are the resources whose deletion is answered with the object in place of a Status.
var returnsDeleted = map[schema.GroupResource]bool{
	{Resource: "persistentvolumeclaims"}: true, {Resource: "persistentvolumes"}: true, {Resource: "pods"}: true, {Resource: "podtemplates"}: true,
	{Resource: "resourcequotas"}: true, {Resource: "serviceaccounts"}: true, {Resource: "services"}: true,
	{Group: "resource.k8s.io", Resource: "deviceclasses"}: true, {Group: "resource.k8s.io", Resource: "resourceclaims"}: true,
	{Group: "resource.k8s.io", Resource: "resourceclaimtemplates"}: true, {Group: "resource.k8s.io", Resource: "resourceslices"}: true,
	{Group: "storage.k8s.io", Resource: "csidrivers"}: true, {Group: "storage.k8s.io", Resource: "csinodes"}: true,
	{Group: "storage.k8s.io", Resource: "storageclasses"}: true, {Group: "storage.k8s.io", Resource: "volumeattachments"}: true,
	{Group: "storage.k8s.io", Resource: "volumeattributesclasses"}: true,
}

func (b *pathBuilder) deleted() string {
	if returnsDeleted[b.row.GroupResource()] {
		return b.model
	}
	return optionsPackage + "Status"
}

func (b *pathBuilder) subresource(sub *resource.Subresource) {
	scope, base := b.scope()
	template := scope + "/{name}/" + sub.Name
	kind := sub.GroupVersionKind
	if kind.Kind == "" || b.custom {
		kind = b.kind
	}
	switch {
	case strings.HasSuffix(kind.Kind, "Options"):
		b.connects(sub, template, append(base, nameParameter(kind.Kind)), kind)
	case sub.Action && slices.Contains(sub.Verbs, "get"):
		b.text(sub, template, append(base, nameParameter(kind.Kind)), kind)
	case sub.Action:
		model := b.model
		if sub.New != nil {
			model = ModelName(sub.New())
		}
		b.add(template, append(base, nameParameter(kind.Kind)), &operation{method: "post", action: "post", kind: &kind,
			id: b.id("create"+b.idVersion, b.row.Kind+words.Title(sub.Name)), description: "create " + sub.Name + " of " + words.WithArticle(b.row.Kind),
			parameters: b.of(optionsPackage + "CreateOptions"), body: &body{model: model, required: true}, answers: answers(model, "200", "201", "202")})
	default:
		b.view(sub, template, append(base, nameParameter(kind.Kind)), kind)
	}
}

// view is a subresource that is read and written.
func (b *pathBuilder) view(sub *resource.Subresource, template string, base []parameter, kind schema.GroupVersionKind) {
	model := b.model
	if sub.Scale != nil {
		model = "io.k8s.api.autoscaling.v1.Scale"
	}
	var operations []*operation
	serves := func(verb string) bool { return sub.Verbs == nil || slices.Contains(sub.Verbs, verb) }
	if serves("get") {
		operations = append(operations, b.reading(sub.Name, model))
	}
	if serves("update") {
		operations = append(operations, b.replacing(sub.Name, model))
	}
	if serves("patch") {
		operations = append(operations, b.patching(sub.Name, model))
	}
	for _, o := range operations {
		o.kind = &kind
	}
	b.add(template, base, operations...)
}

// text is a subresource that is read as text: the log.
func (b *pathBuilder) text(sub *resource.Subresource, template string, base []parameter, kind schema.GroupVersionKind) {
	read := b.reading(sub.Name, "string")
	read.kind = &kind
	read.produces = append([]string{"text/plain"}, plainTypes...)
	if sub.New != nil {
		read.parameters = b.of(ModelName(sub.New()))
	}
	b.add(template, base, read)
}

// connects are subresources that are streams, or forward any request.
func (b *pathBuilder) connects(sub *resource.Subresource, template string, base []parameter, kind schema.GroupVersionKind) {
	methods := []string{"get", "post"}
	forwards := sub.New == nil
	if forwards {
		methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}
	}
	connect := func(suffix string) []*operation {
		var list []*operation
		for _, method := range methods {
			list = append(list, &operation{method: method, action: "connect", kind: &kind, produces: anyType,
				id:          b.id("connect"+b.idVersion+words.Title(method), b.row.Kind+words.Title(sub.Name)+suffix),
				description: "connect " + strings.ToUpper(method) + " requests to " + sub.Name + " of " + b.row.Kind,
				parameters:  b.of(corePackage + kind.Kind), answers: answers("string", "200")})
		}
		return list
	}
	b.add(template, base, connect("")...)
	if forwards {
		b.add(template+"/{path}", append(slices.Clip(base), pathParameter), connect("WithPath")...)
	}
}
