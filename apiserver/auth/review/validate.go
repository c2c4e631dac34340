package review

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var spec = field.NewPath("spec")

// invalid makes the answer of upstream, which names the group but no kind.
func invalid(errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName}, "", errs)
}

func validateMeta(meta *metav1.ObjectMeta, namespace string) field.ErrorList {
	rest := meta.DeepCopy()
	rest.ManagedFields = nil
	if namespace != "" && rest.Namespace == namespace {
		rest.Namespace = ""
	}
	if rest.Name == "" && rest.GenerateName == "" && rest.Namespace == "" && len(rest.Labels) == 0 && len(rest.Annotations) == 0 &&
		rest.UID == "" && rest.ResourceVersion == "" && len(rest.OwnerReferences) == 0 && len(rest.Finalizers) == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), meta, "must be empty")}
}

func validateSubject(s *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	if s.User == "" && len(s.Groups) == 0 {
		return field.ErrorList{field.Invalid(spec.Child("user"), s.User, "at least one of user or group must be specified")}
	}
	return nil
}

// shown is how upstream shows nonResourceAttributes in an error.
type shown struct{ Path, Verb string }

func validateTarget(of *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) field.ErrorList {
	switch {
	case of != nil && path != nil:
		return field.ErrorList{field.Invalid(spec.Child("nonResourceAttributes"), shown(*path), "cannot be specified in combination with resourceAttributes")}
	case of == nil && path == nil:
		return field.ErrorList{field.Invalid(spec.Child("resourceAttributes"), of, "exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	case of != nil:
		return validateSelectors(of)
	}
	return nil
}

func validateLocal(s *authorizationv1.SubjectAccessReviewSpec, namespace string) field.ErrorList {
	if s.NonResourceAttributes != nil {
		return field.ErrorList{field.Invalid(spec.Child("nonResourceAttributes"), shown(*s.NonResourceAttributes), "disallowed on this kind of request")}
	}
	errs := validateTarget(s.ResourceAttributes, nil)
	if s.ResourceAttributes != nil && s.ResourceAttributes.Namespace != namespace {
		errs = append(errs, field.Invalid(spec.Child("resourceAttributes", "namespace"), s.ResourceAttributes.Namespace, "must match metadata.namespace"))
	}
	return errs
}

func validateSelectors(of *authorizationv1.ResourceAttributes) field.ErrorList {
	var errs field.ErrorList
	path := spec.Child("resourceAttributes")
	if of.FieldSelector != nil {
		at := path.Child("fieldSelector")
		errs = append(errs, validateSelector(at, of.FieldSelector.RawSelector, len(of.FieldSelector.Requirements))...)
		for i := range of.FieldSelector.Requirements {
			errs = append(errs, validateFieldRequirement(&of.FieldSelector.Requirements[i], at.Child("requirements").Index(i))...)
		}
	}
	if of.LabelSelector != nil {
		at := path.Child("labelSelector")
		errs = append(errs, validateSelector(at, of.LabelSelector.RawSelector, len(of.LabelSelector.Requirements))...)
		for i := range of.LabelSelector.Requirements {
			errs = append(errs, validateLabelRequirement(&of.LabelSelector.Requirements[i], at.Child("requirements").Index(i))...)
		}
	}
	return errs
}

func validateSelector(at *field.Path, raw string, requirements int) field.ErrorList {
	switch {
	case raw != "" && requirements > 0:
		return field.ErrorList{field.Invalid(at.Child("rawSelector"), raw, "may not specified at the same time as requirements")}
	case raw == "" && requirements == 0:
		return field.ErrorList{field.Required(at.Child("requirements"), "when "+at.String()+" is specified, requirements or rawSelector is required")}
	}
	return nil
}

// validateLabelRequirement leaves operators that are none to who evaluates them.
func validateLabelRequirement(r *metav1.LabelSelectorRequirement, at *field.Path) field.ErrorList {
	switch r.Operator {
	case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
		return metav1validation.ValidateLabelSelectorRequirement(*r, metav1validation.LabelSelectorValidationOptions{}, at)
	}
	return metav1validation.ValidateLabelName(r.Key, at.Child("key"))
}

func validateFieldRequirement(r *metav1.FieldSelectorRequirement, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Key == "" {
		errs = append(errs, field.Required(at.Child("key"), "must be specified"))
	}
	switch r.Operator {
	case metav1.FieldSelectorOpIn, metav1.FieldSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(at.Child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case metav1.FieldSelectorOpExists, metav1.FieldSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Forbidden(at.Child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	}
	return errs
}
