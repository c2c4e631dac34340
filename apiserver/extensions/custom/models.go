package custom

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

const (
	metaModels   = "io.k8s.apimachinery.pkg.apis.meta.v1."
	conventions  = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
	kindKey      = "x-kubernetes-group-version-kind"
	embeddedKey  = "x-kubernetes-embedded-resource"
	metadataText = "Standard object's metadata. More info: " + conventions + "#metadata"
)

// modelName is the name of the schema of a kind: the group backwards, the version, the kind.
func modelName(kind schema.GroupVersionKind) string {
	parts := strings.Split(kind.Group, ".")
	slices.Reverse(parts)
	return strings.Join(append(parts, kind.Version, kind.Kind), ".")
}

// models are the schemas that applied configurations are merged by.
func (v *Version) models() (map[string]*spec.Schema, error) {
	all := map[string]*spec.Schema{}
	for _, version := range v.of.versions { // what is owned in one version is looked up in another
		model, err := version.model(nil)
		if err != nil {
			return nil, err
		}
		all[modelName(version.kind)] = model
	}
	return all, fieldmanager.AddModel(metaModels+"ObjectMeta", all)
}

// model is the schema of the kind with what every object has. change may change it before that is added.
func (v *Version) model(change func(*spec.Schema)) (*spec.Schema, error) {
	form, err := v.schema.structure()
	if err != nil {
		return nil, err
	}
	model := form.DeepCopy().ToKubeOpenAPI()
	if model == nil || v.schema.preserves() {
		model = &spec.Schema{}
	}
	model.Type = spec.StringOrArray{"object"}
	either(model)
	if change != nil {
		change(model)
	}
	embed(model, change == nil)
	if model.Properties == nil {
		model.Properties = map[string]spec.Schema{}
	}
	doc := metav1.TypeMeta{}.SwaggerDoc()
	model.Properties["apiVersion"] = text(doc["apiVersion"])
	model.Properties["kind"] = text(doc["kind"])
	model.Properties["metadata"] = reference(metaModels+"ObjectMeta", metadataText)
	return withKind(model, v.kind), nil
}

func withKind(model *spec.Schema, kind schema.GroupVersionKind) *spec.Schema {
	model.AddExtension(kindKey, []any{map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind}})
	return model
}

func text(description string) spec.Schema {
	return *spec.StringProperty().WithDescription(description)
}

func reference(model, description string) spec.Schema {
	return *spec.RefSchema("#/definitions/" + model).WithDescription(description)
}

// below calls visit with each schema directly below one.
func below(s *spec.Schema, visit func(*spec.Schema)) {
	for name, property := range s.Properties {
		visit(&property)
		s.Properties[name] = property
	}
	if s.Items != nil && s.Items.Schema != nil {
		visit(s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		visit(s.AdditionalProperties.Schema)
	}
}

// either says of values that are integers or strings what they are, in a way that clients know.
func either(s *spec.Schema) {
	below(s, either)
	if both, _ := s.Extensions.GetBool("x-kubernetes-int-or-string"); both && len(s.AnyOf) == 0 && len(s.Type) == 0 {
		s.AnyOf = []spec.Schema{*typed("integer"), *typed("string")}
	}
}

func typed(name string) *spec.Schema {
	return &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{name}}}
}

// embed gives whole objects inside of an object what every object has; open ones, which may have anything, only if told so.
func embed(s *spec.Schema, open bool) {
	below(s, func(s *spec.Schema) { embed(s, open) })
	if embedded, _ := s.Extensions.GetBool(embeddedKey); !embedded || preserves(s) && !open {
		return
	}
	if s.Properties == nil {
		s.Properties = map[string]spec.Schema{}
	}
	s.Properties["apiVersion"] = text("apiVersion defines the versioned schema of this representation of an object. More info: " + conventions + "#resources")
	s.Properties["kind"] = text("kind is a string value representing the type of this object. In CamelCase. More info: " + conventions + "#types-kinds")
	s.Properties["metadata"] = reference(metaModels+"ObjectMeta", metadataText)
	for _, name := range []string{"kind", "apiVersion"} {
		if !slices.Contains(s.Required, name) {
			s.Required = append(s.Required, name)
		}
	}
}
