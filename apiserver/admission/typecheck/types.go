package typecheck

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiservercel "k8s.io/apiserver/pkg/cel"
	celopenapi "k8s.io/apiserver/pkg/cel/openapi"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// Served are the types of what is built in and of custom resources.
type Served struct {
	Rows   []*resource.Resource
	Lister auth.Lister
}

var _ Types = &Served{}

// Kinds implements Types.
func (s *Served) Kinds(of schema.GroupVersionResource) []schema.GroupVersionKind {
	for _, row := range s.Rows {
		if row.Group == of.Group && row.Name == of.Resource && row.Version(of.Version) != nil {
			return []schema.GroupVersionKind{row.GroupVersionKind(of.Version)}
		}
	}
	for _, d := range s.definitions() {
		if d.Spec.Group == of.Group && d.Spec.Names.Plural == of.Resource && version(d, of.Version) != nil {
			return []schema.GroupVersionKind{of.GroupVersion().WithKind(d.Spec.Names.Kind)}
		}
	}
	return nil
}

func (s *Served) definitions() []*apiextensionsv1.CustomResourceDefinition {
	of := schema.GroupResource{Group: apiextensionsv1.GroupName, Resource: "customresourcedefinitions"}
	return auth.List[*apiextensionsv1.CustomResourceDefinition](s.Lister, of, "")
}

func version(d *apiextensionsv1.CustomResourceDefinition, name string) *apiextensionsv1.CustomResourceDefinitionVersion {
	for i := range d.Spec.Versions {
		if v := &d.Spec.Versions[i]; v.Name == name && v.Served {
			return v
		}
	}
	return nil
}

// Type implements Types.
func (s *Served) Type(of schema.GroupVersionKind) (*apiservercel.DeclType, error) {
	for _, row := range s.Rows {
		if row.Group != of.Group || row.Kind != of.Kind || row.Version(of.Version) == nil {
			continue
		}
		whole, err := builtIn(openapi.ModelName(row.Version(of.Version).New()))
		if err != nil {
			return nil, err
		}
		return celopenapi.SchemaDeclType(whole, true), nil
	}
	for _, d := range s.definitions() {
		v := version(d, of.Version)
		if d.Spec.Group != of.Group || d.Spec.Names.Kind != of.Kind || v == nil || v.Schema == nil {
			continue
		}
		whole, err := packed.Whole(d)
		if err != nil {
			return nil, err
		}
		return customType(version(whole, of.Version).Schema.OpenAPIV3Schema)
	}
	return nil, nil
}

func customType(props *apiextensionsv1.JSONSchemaProps) (*apiservercel.DeclType, error) {
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, internal, nil); err != nil {
		return nil, fmt.Errorf("reading the schema of a custom resource: %w", err)
	}
	whole, err := structural.NewStructural(internal)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of a custom resource: %w", err)
	}
	return model.SchemaDeclType(whole, true), nil
}

// builtIn is the schema of a name with all that it refers to in place.
func builtIn(name string) (*spec.Schema, error) {
	all, err := openapi.Definitions()
	if err != nil {
		return nil, fmt.Errorf("reading schemas: %w", err)
	}
	whole, err := expand(all, name, nil)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(whole)
	if err != nil {
		return nil, err
	}
	out := &spec.Schema{}
	return out, json.Unmarshal(data, out)
}

const reference = "#/components/schemas/"

// expand puts what a schema refers to in its place; what refers to itself is an object of any content.
func expand(all map[string]openapi.Schema, name string, above []string) (map[string]any, error) {
	for _, known := range above {
		if known == name {
			return map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}, nil
		}
	}
	var content map[string]any
	if err := json.Unmarshal(all[name].V3, &content); err != nil {
		return nil, fmt.Errorf("reading schema %s: %w", name, err)
	}
	replaced, err := replace(all, content, append(above, name))
	if err != nil {
		return nil, err
	}
	out, ok := replaced.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reading schema %s: a %T", name, replaced)
	}
	return out, nil
}

func replace(all map[string]openapi.Schema, value any, above []string) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		if to := referred(v); to != "" {
			return expand(all, to, above)
		}
		for key, inner := range v {
			changed, err := replace(all, inner, above)
			if err != nil {
				return nil, err
			}
			v[key] = changed
		}
	case []any:
		for i, inner := range v {
			changed, err := replace(all, inner, above)
			if err != nil {
				return nil, err
			}
			v[i] = changed
		}
	}
	return value, nil
}

// referred is the name of the schema that stands for a whole one: by itself, or alone in allOf.
func referred(schema map[string]any) string {
	if text, ok := schema["$ref"].(string); ok {
		return strings.TrimPrefix(text, reference)
	}
	if parts, ok := schema["allOf"].([]any); ok && len(parts) == 1 {
		if part, ok := parts[0].(map[string]any); ok {
			return referred(part)
		}
	}
	return ""
}
