package custom

import (
	"fmt"
	"strings"
	"sync/atomic"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/conversion"
)

// Definition is a CustomResourceDefinition made ready to be served.
type Definition struct {
	current   atomic.Pointer[apiextensionsv1.CustomResourceDefinition]
	converter conversion.Converter
	versions  map[string]*Version
	storage   *Version
}

// Version is one version of a definition.
type Version struct {
	of     *Definition
	index  int // among the versions of the definition; -1 for a version that it does not have
	kind   schema.GroupVersionKind
	schema lazySchema
	fields lazyFields
}

// New makes a definition ready. It must not be changed any more.
func New(crd *apiextensionsv1.CustomResourceDefinition, converter conversion.Converter) *Definition {
	d := &Definition{converter: converter, versions: map[string]*Version{}}
	d.current.Store(crd)
	for i := range crd.Spec.Versions {
		spec := &crd.Spec.Versions[i]
		v := &Version{of: d, index: i, kind: schema.GroupVersionKind{Group: crd.Spec.Group, Version: spec.Name, Kind: crd.Status.AcceptedNames.Kind}}
		v.schema.of, v.fields.of = v, v
		d.versions[spec.Name] = v
		if spec.Storage {
			d.storage = v
		}
	}
	return d
}

// Adopt takes an object that says the same in place of the one that the definition was made of, so that only one is kept.
func (d *Definition) Adopt(crd *apiextensionsv1.CustomResourceDefinition) { d.current.Store(crd) }

func (d *Definition) crd() *apiextensionsv1.CustomResourceDefinition { return d.current.Load() }

// spec is what the definition says of the version.
func (v *Version) spec() *apiextensionsv1.CustomResourceDefinitionVersion {
	if v.index < 0 {
		return &apiextensionsv1.CustomResourceDefinitionVersion{}
	}
	return &v.of.crd().Spec.Versions[v.index]
}

// Served are the versions that clients see, in the order of the definition.
func (d *Definition) Served() []*Version {
	var served []*Version
	for _, spec := range d.crd().Spec.Versions {
		if spec.Served {
			served = append(served, d.versions[spec.Name])
		}
	}
	return served
}

// Row describes the version.
func (v *Version) Row() *resource.Resource {
	names, spec := &v.of.crd().Status.AcceptedNames, &v.of.crd().Spec
	row := &resource.Resource{
		Group: spec.Group, Name: names.Plural, Singular: names.Singular, Kind: names.Kind, ListKind: names.ListKind,
		ShortNames: names.ShortNames, Categories: names.Categories, Namespaced: spec.Scope == apiextensionsv1.NamespaceScoped,
		StoragePrefix: spec.Group + "/" + names.Plural,
		StoredAsJSON:  true, StoredAPIVersion: schema.GroupVersion{Group: spec.Group, Version: v.of.storage.spec().Name}.String(),
		Versions: []resource.Version{{Name: v.spec().Name, New: v.new, Default: v.setDefaults, Deprecated: v.deprecation()}},

		PrepareCreate: v.prepareCreate, PrepareUpdate: v.prepareUpdate,
		Validate: v.validate, ValidateUpdate: v.validateUpdate, Warnings: warnFinalizers,
		Subresources: v.subresources(),
	}
	if v.hasStatus() {
		row.ResetFields = [][]string{{"status"}}
	}
	row.FieldNames, row.Fields = v.selectable()
	row.Columns, row.Cells = v.columns()
	return row
}

// deprecation is the warning that comes with each answer.
func (v *Version) deprecation() string {
	if !v.spec().Deprecated {
		return ""
	}
	if v.spec().DeprecationWarning != nil {
		return *v.spec().DeprecationWarning
	}
	return fmt.Sprintf("%s/%s %s is deprecated", v.kind.Group, v.kind.Version, v.kind.Kind)
}

func (v *Version) hasStatus() bool {
	return v.spec().Subresources != nil && v.spec().Subresources.Status != nil
}

// path takes a simple JSON path apart: ".spec.replicas".
func path(text string) []string { return strings.Split(strings.TrimPrefix(text, "."), ".") }

var _ metav1.Object = resource.Object(nil)
