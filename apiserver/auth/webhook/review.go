package webhook

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	authorizationv1beta1 "k8s.io/api/authorization/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// reviewOf is the question that a request is.
func reviewOf(a authorizer.Attributes) *authorizationv1.SubjectAccessReview {
	review := &authorizationv1.SubjectAccessReview{}
	if u := a.GetUser(); u != nil {
		review.Spec.User, review.Spec.UID, review.Spec.Groups = u.GetName(), u.GetUID(), u.GetGroups()
		if extra := u.GetExtra(); extra != nil {
			review.Spec.Extra = map[string]authorizationv1.ExtraValue{}
			for key, values := range extra {
				review.Spec.Extra[key] = values
			}
		}
	}
	if !a.IsResourceRequest() {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: a.GetPath(), Verb: a.GetVerb()}
		return review
	}
	review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
		Namespace: a.GetNamespace(), Verb: a.GetVerb(), Group: a.GetAPIGroup(), Version: a.GetAPIVersion(),
		Resource: a.GetResource(), Subresource: a.GetSubresource(), Name: a.GetName(),
		FieldSelector: fieldsOf(a), LabelSelector: labelsOf(a),
	}
	return review
}

// fieldsOf are the requirements that can be said. Without one of them a request is asked for that is broader than the real one.
func fieldsOf(a authorizer.Attributes) *authorizationv1.FieldSelectorAttributes {
	requirements, _ := a.GetFieldSelector() // what could not be parsed asks for everything
	operators := map[selection.Operator]metav1.FieldSelectorOperator{
		selection.Equals: metav1.FieldSelectorOpIn, selection.DoubleEquals: metav1.FieldSelectorOpIn, selection.In: metav1.FieldSelectorOpIn,
		selection.NotEquals: metav1.FieldSelectorOpNotIn, selection.NotIn: metav1.FieldSelectorOpNotIn,
	}
	var said []metav1.FieldSelectorRequirement
	for _, r := range requirements {
		if operator, ok := operators[r.Operator]; ok {
			said = append(said, fieldRequirement(r, operator))
		}
	}
	if len(said) == 0 {
		return nil
	}
	return &authorizationv1.FieldSelectorAttributes{Requirements: said}
}

func fieldRequirement(r fields.Requirement, operator metav1.FieldSelectorOperator) metav1.FieldSelectorRequirement {
	return metav1.FieldSelectorRequirement{Key: r.Field, Operator: operator, Values: []string{r.Value}}
}

func labelsOf(a authorizer.Attributes) *authorizationv1.LabelSelectorAttributes {
	requirements, _ := a.GetLabelSelector() // what could not be parsed asks for everything
	operators := map[selection.Operator]metav1.LabelSelectorOperator{
		selection.Equals: metav1.LabelSelectorOpIn, selection.DoubleEquals: metav1.LabelSelectorOpIn, selection.In: metav1.LabelSelectorOpIn,
		selection.NotEquals: metav1.LabelSelectorOpNotIn, selection.NotIn: metav1.LabelSelectorOpNotIn,
		selection.Exists: metav1.LabelSelectorOpExists, selection.DoesNotExist: metav1.LabelSelectorOpDoesNotExist,
	}
	var said []metav1.LabelSelectorRequirement
	for _, r := range requirements {
		if operator, ok := operators[r.Operator()]; ok {
			said = append(said, labelRequirement(r, operator))
		}
	}
	if len(said) == 0 {
		return nil
	}
	return &authorizationv1.LabelSelectorAttributes{Requirements: said}
}

func labelRequirement(r labels.Requirement, operator metav1.LabelSelectorOperator) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: r.Key(), Operator: operator, Values: r.ValuesUnsorted()}
}

// beta is the same question to a webhook that speaks v1beta1, where groups have another name.
func beta(review *authorizationv1.SubjectAccessReview) *authorizationv1beta1.SubjectAccessReview {
	spec := authorizationv1beta1.SubjectAccessReviewSpec{User: review.Spec.User, UID: review.Spec.UID, Groups: review.Spec.Groups}
	if of := review.Spec.ResourceAttributes; of != nil {
		spec.ResourceAttributes = &authorizationv1beta1.ResourceAttributes{
			Namespace: of.Namespace, Verb: of.Verb, Group: of.Group, Version: of.Version, Resource: of.Resource, Subresource: of.Subresource,
			Name: of.Name, FieldSelector: of.FieldSelector, LabelSelector: of.LabelSelector,
		}
	}
	if path := review.Spec.NonResourceAttributes; path != nil {
		spec.NonResourceAttributes = &authorizationv1beta1.NonResourceAttributes{Path: path.Path, Verb: path.Verb}
	}
	for key, values := range review.Spec.Extra {
		if spec.Extra == nil {
			spec.Extra = map[string]authorizationv1beta1.ExtraValue{}
		}
		spec.Extra[key] = authorizationv1beta1.ExtraValue(values)
	}
	return &authorizationv1beta1.SubjectAccessReview{Spec: spec}
}
