package custom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

const (
	preserveKey   = "x-kubernetes-preserve-unknown-fields"
	selectableKey = "x-kubernetes-selectable-fields"
)

// GroupVersion of the version.
func (v *Version) GroupVersion() schema.GroupVersion { return v.kind.GroupVersion() }

// listKind is the kind of lists.
func (v *Version) listKind() schema.GroupVersionKind {
	return v.GroupVersion().WithKind(v.of.crd().Status.AcceptedNames.ListKind)
}

// Models names the schemas of the kinds that the version adds to OpenAPI.
func (v *Version) Models() map[string]string {
	return map[string]string{v.kind.Kind: modelName(v.kind), v.listKind().Kind: modelName(v.listKind())}
}

// Published are the schemas that the version adds to OpenAPI.
func (v *Version) Published() (map[string]openapi.Schema, error) {
	three, err := v.model(nil)
	if err != nil {
		return nil, err
	}
	two, err := v.model(simplify)
	if err != nil {
		return nil, err
	}
	if preserves(two) {
		two = withKind(typed("object"), v.kind)
	}
	v.addSelectable(three)
	v.addSelectable(two)
	list := v.listModel()
	model, err := encodeBoth(three, two)
	if err != nil {
		return nil, fmt.Errorf("publishing %s: %w", v.kind, err)
	}
	lists, err := encodeBoth(list, list)
	if err != nil {
		return nil, fmt.Errorf("publishing %s: %w", v.listKind(), err)
	}
	return map[string]openapi.Schema{modelName(v.kind): model, modelName(v.listKind()): lists}, nil
}

func (v *Version) addSelectable(model *spec.Schema) {
	var all []any
	for _, field := range v.spec().SelectableFields {
		all = append(all, map[string]any{"fieldPath": field.JSONPath[1:]})
	}
	if all != nil {
		model.AddExtension(selectableKey, all)
	}
}

// listModel is the schema of lists of the kind.
func (v *Version) listModel() *spec.Schema {
	doc := metav1.TypeMeta{}.SwaggerDoc()
	items := spec.ArrayProperty(spec.RefSchema("#/definitions/" + modelName(v.kind))).
		WithDescription("List of " + v.of.crd().Status.AcceptedNames.Plural + ". More info: " + conventions)
	list := &spec.Schema{SchemaProps: spec.SchemaProps{
		Type: spec.StringOrArray{"object"}, Description: v.listKind().Kind + " is a list of " + v.kind.Kind, Required: []string{"items"},
		Properties: map[string]spec.Schema{
			"apiVersion": text(doc["apiVersion"]), "kind": text(doc["kind"]), "items": *items,
			"metadata": reference(metaModels+"ListMeta", "Standard list metadata. More info: "+conventions+"#types-kinds"),
		},
	}}
	v.addSelectable(list)
	return withKind(list, v.listKind())
}

func preserves(s *spec.Schema) bool {
	preserved, _ := s.Extensions.GetBool(preserveKey)
	return preserved
}

// simplify leaves out what OpenAPI v2, or what clients make of it, does not have.
func simplify(s *spec.Schema) {
	s.Default, s.AllOf, s.AnyOf, s.OneOf, s.Not = nil, nil, nil, nil, nil
	open := preserves(s)
	if s.Nullable || open {
		s.Type, s.Items, s.Properties, s.AdditionalProperties, s.Nullable = nil, nil, nil, nil, false
	}
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return s.Properties[name].Nullable })
	below(s, simplify)
}

// encodeBoth writes a schema for both versions of OpenAPI, which refer to others in their own ways.
func encodeBoth(three, two *spec.Schema) (openapi.Schema, error) {
	v2, err := json.Marshal(two)
	if err != nil {
		return openapi.Schema{}, err
	}
	wrap(three)
	v3, err := json.Marshal(three)
	if err != nil {
		return openapi.Schema{}, err
	}
	return openapi.Schema{V3: bytes.ReplaceAll(v3, []byte(`"#/definitions/`), []byte(`"#/components/schemas/`)), V2: v2}, nil
}

// wrap puts references that have a description beside them into an allOf, for in v3 nothing stands beside a reference.
func wrap(s *spec.Schema) {
	if s.Ref.String() != "" && s.Description != "" {
		s.AllOf, s.Ref = []spec.Schema{*spec.RefSchema(s.Ref.String())}, spec.Ref{}
	}
	below(s, wrap)
}
