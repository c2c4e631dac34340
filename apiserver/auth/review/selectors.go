package review

import (
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// fieldRequirements returns those that can be said as a field selector. Leaving out the others makes the
// question broader, never narrower; the error says so.
func fieldRequirements(of *authorizationv1.FieldSelectorAttributes) (fields.Requirements, error) {
	if of.RawSelector != "" {
		selector, err := fields.ParseSelector(of.RawSelector)
		if err != nil {
			return nil, err
		}
		return selector.Requirements(), nil
	}
	var requirements fields.Requirements
	var errs []error
	for _, r := range of.Requirements {
		switch {
		case len(r.Values) == 1 && r.Operator == metav1.FieldSelectorOpIn:
			requirements = append(requirements, fields.Requirement{Field: r.Key, Operator: selection.Equals, Value: r.Values[0]})
		case len(r.Values) == 1 && r.Operator == metav1.FieldSelectorOpNotIn:
			requirements = append(requirements, fields.Requirement{Field: r.Key, Operator: selection.NotEquals, Value: r.Values[0]})
		default:
			errs = append(errs, fmt.Errorf("the operator %s on field %q with %d values is not supported", r.Operator, r.Key, len(r.Values)))
		}
	}
	return requirements, errors.Join(errs...)
}

func labelRequirements(of *authorizationv1.LabelSelectorAttributes) (labels.Requirements, error) {
	if of.RawSelector != "" {
		selector, err := labels.Parse(of.RawSelector)
		if err != nil {
			return nil, err
		}
		requirements, _ := selector.Requirements()
		return requirements, nil
	}
	operators := map[metav1.LabelSelectorOperator]selection.Operator{
		metav1.LabelSelectorOpIn: selection.In, metav1.LabelSelectorOpNotIn: selection.NotIn,
		metav1.LabelSelectorOpExists: selection.Exists, metav1.LabelSelectorOpDoesNotExist: selection.DoesNotExist,
	}
	var requirements labels.Requirements
	var errs []error
	for _, r := range of.Requirements {
		requirement, err := labels.NewRequirement(r.Key, operators[r.Operator], r.Values)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		requirements = append(requirements, *requirement)
	}
	return requirements, errors.Join(errs...)
}
