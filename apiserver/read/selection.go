package read

import (
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Selection is what of a resource a list, a watch or a deletion of a collection is about.
type Selection struct {
	labels labels.Selector
	fields fields.Selector
	row    *resource.Resource
	// name is set where the field selector asks for exactly one.
	name string
	// show returns a stored object in the version that the fields are of; nil where it is that.
	show func(obj resource.Object) (resource.Object, error)
}

// Selection reads the selectors of a request for the endpoint.
func (c Verbs) Selection(labelText, fieldText string) (*Selection, error) {
	s, err := ParseSelection(c.At.Row, labelText, fieldText)
	if err != nil {
		return nil, err
	}
	if c.At.Custom != nil && s.fields != nil {
		s.show = func(obj resource.Object) (resource.Object, error) { return c.At.InVersion(c.Context(), obj) }
	}
	return s, nil
}

// ParseSelection reads the selectors of a request and refuses fields that nothing can be selected by.
func ParseSelection(row *resource.Resource, labelText, fieldText string) (*Selection, error) {
	s := &Selection{row: row}
	if labelText != "" {
		selector, err := labels.Parse(labelText)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if !selector.Empty() {
			s.labels = selector
		}
	}
	if fieldText == "" {
		return s, nil
	}
	selector, err := fields.ParseSelector(fieldText)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	for _, requirement := range selector.Requirements() {
		if !selectable(row, requirement.Field) {
			return nil, apierrors.NewBadRequest(unknownField(row, requirement.Field))
		}
	}
	if selector.Empty() {
		return s, nil
	}
	s.fields = selector
	s.name, _ = selector.RequiresExactMatch("metadata.name")
	return s, nil
}

func unknownField(row *resource.Resource, field string) string {
	if row.UnknownField != "" {
		return fmt.Sprintf(row.UnknownField, field)
	}
	if len(row.FieldNames) > 0 || row.Untyped() {
		return "field label not supported: " + field
	}
	return fmt.Sprintf("%q is not a known field selector: only %q, %q", field, "metadata.name", "metadata.namespace")
}

func selectable(row *resource.Resource, field string) bool {
	return field == "metadata.name" || field == "metadata.namespace" && !row.NoNamespaceField || slices.Contains(row.FieldNames, field)
}

// empty selections match everything.
func (s *Selection) empty() bool { return s.labels == nil && s.fields == nil }

// onlyName selections match what is found by name alone, or everything: there is nothing to look at in an object.
func (s *Selection) onlyName() bool {
	if s.labels != nil || s.fields == nil {
		return s.labels == nil
	}
	name, exact := s.fields.RequiresExactMatch("metadata.name")
	return exact && name == s.name && len(s.fields.Requirements()) == 1
}

// Matches says whether an object is selected.
func (s *Selection) Matches(obj resource.Object) bool {
	if s.labels != nil && !s.labels.Matches(labels.Set(obj.GetLabels())) {
		return false
	}
	if s.fields == nil {
		return true
	}
	if s.show != nil {
		shown, err := s.show(obj)
		if err != nil {
			return false // nobody can tell
		}
		obj = shown
	}
	return s.fields.Matches(&objectFields{obj: obj, row: s.row})
}

// objectFields looks fields up, those of the row only when one is asked for.
type objectFields struct {
	obj resource.Object
	row *resource.Resource
	set fields.Set
}

var _ fields.Fields = &objectFields{}

// Has implements fields.Fields.
func (f *objectFields) Has(field string) bool {
	switch field {
	case "metadata.name", "metadata.namespace":
		return true
	}
	_, has := f.rowFields()[field]
	return has
}

// Get implements fields.Fields.
func (f *objectFields) Get(field string) string {
	switch field {
	case "metadata.name":
		return f.obj.GetName()
	case "metadata.namespace":
		return f.obj.GetNamespace()
	}
	return f.rowFields()[field]
}

func (f *objectFields) rowFields() fields.Set {
	if f.set == nil && f.row.Fields != nil {
		f.set = f.row.Fields(f.obj)
	}
	return f.set
}
