package apiextensions

import (
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// internal is the form in which paths and values are reported: what all versions share stands in the specification itself. It shares
// memory with the definition.
func internal(d *apiextensionsv1.CustomResourceDefinition) (*apiextensions.CustomResourceDefinition, field.ErrorList) {
	out := &apiextensions.CustomResourceDefinition{}
	if err := convert(d, out); err != nil {
		return nil, field.ErrorList{field.Invalid(field.NewPath("spec"), "", err.Error())}
	}
	return out, nil
}

// convert does as the library does, which has no part in the schemas.
func convert(d *apiextensionsv1.CustomResourceDefinition, out *apiextensions.CustomResourceDefinition) error {
	bare, schemas := *d, make([]*apiextensions.CustomResourceValidation, len(d.Spec.Versions))
	bare.Spec.Versions = slices.Clone(d.Spec.Versions)
	isShared := true
	for i := range d.Spec.Versions {
		bare.Spec.Versions[i].Schema = nil
		if given := d.Spec.Versions[i].Schema; given != nil {
			schemas[i] = &apiextensions.CustomResourceValidation{}
			if given.OpenAPIV3Schema != nil {
				form, err := InternalSchema(given.OpenAPIV3Schema)
				if err != nil {
					return err
				}
				schemas[i].OpenAPIV3Schema = form
			}
		}
		isShared = isShared && (i == 0 || equality.Semantic.DeepEqual(schemas[i], schemas[0]))
	}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&bare, out, nil); err != nil {
		return err
	}
	for i := range schemas {
		if isShared {
			out.Spec.Validation = schemas[0]
		} else {
			out.Spec.Versions[i].Schema = schemas[i]
		}
	}
	return nil
}

// InternalSchema is a schema in the form that the libraries work with. It is what their conversion makes, which makes each schema in a map
// twice. It shares memory with what it is made of, and neither may be changed.
func InternalSchema(in *apiextensionsv1.JSONSchemaProps) (*apiextensions.JSONSchemaProps, error) {
	c, out := &converter{}, &apiextensions.JSONSchemaProps{}
	return out, c.schema(in, out)
}

// converter has room for a schema at each depth, to convert into what the map then has a copy of.
type converter struct {
	rooms []*room
	depth int
}

type room struct {
	bare, in apiextensionsv1.JSONSchemaProps
	out      apiextensions.JSONSchemaProps
}

// schema has the library convert all but what nearly all schemas of a large definition are in.
func (c *converter) schema(in *apiextensionsv1.JSONSchemaProps, out *apiextensions.JSONSchemaProps) error {
	if len(c.rooms) == c.depth {
		c.rooms = append(c.rooms, &room{})
	}
	here := c.rooms[c.depth]
	c.depth++
	defer func() { c.depth-- }()
	here.bare = *in
	here.bare.Properties, here.bare.Items, here.bare.AdditionalProperties = nil, nil, nil
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&here.bare, out, nil); err != nil {
		return err
	}
	if in.Properties != nil {
		out.Properties = make(map[string]apiextensions.JSONSchemaProps, len(in.Properties))
		for name := range in.Properties {
			here.in, here.out = in.Properties[name], apiextensions.JSONSchemaProps{}
			if err := c.schema(&here.in, &here.out); err != nil {
				return err
			}
			out.Properties[name] = here.out
		}
	}
	return c.parts(in, out)
}

func (c *converter) parts(in *apiextensionsv1.JSONSchemaProps, out *apiextensions.JSONSchemaProps) error {
	if in.Items != nil {
		out.Items = &apiextensions.JSONSchemaPropsOrArray{}
		if in.Items.Schema != nil {
			out.Items.Schema = &apiextensions.JSONSchemaProps{}
			if err := c.schema(in.Items.Schema, out.Items.Schema); err != nil {
				return err
			}
		}
		if in.Items.JSONSchemas != nil {
			out.Items.JSONSchemas = make([]apiextensions.JSONSchemaProps, len(in.Items.JSONSchemas))
			for i := range in.Items.JSONSchemas {
				if err := c.schema(&in.Items.JSONSchemas[i], &out.Items.JSONSchemas[i]); err != nil {
					return err
				}
			}
		}
	}
	if in.AdditionalProperties == nil {
		return nil
	}
	out.AdditionalProperties = &apiextensions.JSONSchemaPropsOrBool{Allows: in.AdditionalProperties.Allows}
	if in.AdditionalProperties.Schema == nil {
		return nil
	}
	out.AdditionalProperties.Schema = &apiextensions.JSONSchemaProps{}
	return c.schema(in.AdditionalProperties.Schema, out.AdditionalProperties.Schema)
}
