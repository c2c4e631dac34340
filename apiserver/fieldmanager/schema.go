package fieldmanager

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// Types returns the converter between objects of a resource, in any of its versions, and the trees of structured-merge-diff.
func (m *Managers) Types(row *resource.Resource) (managedfields.TypeConverter, error) {
	m.generic.mu.Lock()
	defer m.generic.mu.Unlock()
	return m.generic.typesOf(row)
}

// typesOf returns the converter between objects of a resource, in any of its versions, and the trees of structured-merge-diff. It is made
// when the resource is first asked for.
func (g *Generic) typesOf(row *resource.Resource) (managedfields.TypeConverter, error) {
	key := row.GroupResource()
	if known := g.types[key]; known != nil {
		return known, nil
	}
	all, err := openapi.Definitions()
	if err != nil {
		return nil, fmt.Errorf("reading schemas: %w", err)
	}
	models := map[string]*spec.Schema{}
	for i := range row.Versions {
		if err := addModel(openapi.ModelName(row.Versions[i].New()), all, models); err != nil {
			return nil, err
		}
	}
	made, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		return nil, fmt.Errorf("making types of %s: %w", key, err)
	}
	if g.types == nil {
		g.types = map[schema.GroupResource]managedfields.TypeConverter{}
	}
	g.types[key] = made
	return made, nil
}

// AddModel adds the built-in schema of a name, and all that it refers to.
func AddModel(name string, into map[string]*spec.Schema) error {
	all, err := openapi.Definitions()
	if err != nil {
		return fmt.Errorf("reading schemas: %w", err)
	}
	return addModel(name, all, into)
}

// addModel parses the schema of a name and all that it refers to.
func addModel(name string, all map[string]openapi.Schema, into map[string]*spec.Schema) error {
	if into[name] != nil {
		return nil
	}
	parsed := &spec.Schema{}
	into[name] = parsed
	data := bytes.ReplaceAll(all[name].V3, []byte(`#/components/schemas/`), []byte(`#/definitions/`))
	if err := json.Unmarshal(data, parsed); err != nil {
		return fmt.Errorf("reading schema %s: %w", name, err)
	}
	for _, reference := range openapi.References(all[name].V3) {
		if err := addModel(reference, all, into); err != nil {
			return err
		}
	}
	return nil
}
