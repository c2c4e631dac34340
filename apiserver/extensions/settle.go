package extensions

import (
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
)

// settled is the definition with the status that it should have: itself where it has that, and otherwise one that shares all else with it.
func (e *Extensions) settled(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	next := &apiextensionsv1.CustomResourceDefinition{TypeMeta: crd.TypeMeta, ObjectMeta: crd.ObjectMeta, Spec: crd.Spec, Status: *crd.Status.DeepCopy()}
	now := e.Clock.Now()
	if policy := approval(crd); policy != nil {
		set(next, *policy, now)
	} else {
		drop(next, apiextensionsv1.KubernetesAPIApprovalPolicyConformant)
	}
	names, verdict := settle(crd.Spec.Names, crd.Status.AcceptedNames, e.taken(crd))
	next.Status.AcceptedNames = names
	set(next, verdict, now)
	switch {
	case verdict.Status == apiextensionsv1.ConditionTrue:
		if !isTrue(next, apiextensionsv1.Established) {
			set(next, condition(apiextensionsv1.Established, true, "InitialNamesAccepted", "the initial names have been accepted"), now)
		}
	case !isTrue(next, apiextensionsv1.Established):
		set(next, condition(apiextensionsv1.Established, false, "NotAccepted", "not all names are accepted"), now)
	}
	if violations := unstructured(crd); violations != "" {
		set(next, condition(apiextensionsv1.NonStructuralSchema, true, "Violations", violations), now)
	} else {
		drop(next, apiextensionsv1.NonStructuralSchema)
	}
	if equality.Semantic.DeepEqual(next.Status, crd.Status) {
		return crd
	}
	return next
}

// taken collects the names of the other definitions of the group.
func (e *Extensions) taken(crd *apiextensionsv1.CustomResourceDefinition) *taken {
	others := &taken{resources: sets.New[string](), kinds: sets.New[string]()}
	for name, s := range e.states {
		if name != crd.Name && s.latest.Spec.Group == crd.Spec.Group {
			others.take(&s.latest.Status.AcceptedNames)
		}
	}
	return others
}

// unstructured says why the schemas of a definition of old are not structural; "" where they are.
func unstructured(crd *apiextensionsv1.CustomResourceDefinition) string {
	if !crd.Spec.PreserveUnknownFields {
		return "" // could not have been stored otherwise
	}
	crd, err := packed.Whole(crd)
	if err != nil {
		return err.Error()
	}
	var errs field.ErrorList
	for i := range crd.Spec.Versions {
		at := field.NewPath("spec", "versions").Index(i).Child("schema", "openAPIV3Schema")
		given := crd.Spec.Versions[i].Schema
		if given == nil || given.OpenAPIV3Schema == nil {
			continue
		}
		props := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(given.OpenAPIV3Schema, props, nil); err != nil {
			continue
		}
		form, err := structural.NewStructural(props)
		if err != nil {
			errs = append(errs, field.Invalid(at, "", err.Error()))
			continue
		}
		errs = append(errs, structural.ValidateStructural(at, form)...)
	}
	if len(errs) == 0 {
		return ""
	}
	return fmt.Sprint(errs.ToAggregate())
}
