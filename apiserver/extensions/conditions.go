package extensions

import (
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// find returns the condition of a type, or nil.
func find(crd *apiextensionsv1.CustomResourceDefinition, of apiextensionsv1.CustomResourceDefinitionConditionType) *apiextensionsv1.CustomResourceDefinitionCondition {
	for i := range crd.Status.Conditions {
		if crd.Status.Conditions[i].Type == of {
			return &crd.Status.Conditions[i]
		}
	}
	return nil
}

func isTrue(crd *apiextensionsv1.CustomResourceDefinition, of apiextensionsv1.CustomResourceDefinitionConditionType) bool {
	condition := find(crd, of)
	return condition != nil && condition.Status == apiextensionsv1.ConditionTrue
}

// set adds or replaces a condition. Its time moves only with its status.
func set(crd *apiextensionsv1.CustomResourceDefinition, wanted apiextensionsv1.CustomResourceDefinitionCondition, now time.Time) {
	wanted.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	known := find(crd, wanted.Type)
	if known == nil {
		crd.Status.Conditions = append(crd.Status.Conditions, wanted)
		return
	}
	if known.Status == wanted.Status {
		wanted.LastTransitionTime = known.LastTransitionTime
	}
	*known = wanted
}

// drop removes a condition.
func drop(crd *apiextensionsv1.CustomResourceDefinition, of apiextensionsv1.CustomResourceDefinitionConditionType) {
	kept := crd.Status.Conditions[:0]
	for _, condition := range crd.Status.Conditions {
		if condition.Type != of {
			kept = append(kept, condition)
		}
	}
	crd.Status.Conditions = kept
}

func condition(of apiextensionsv1.CustomResourceDefinitionConditionType, status bool, reason, message string) apiextensionsv1.CustomResourceDefinitionCondition {
	made := apiextensionsv1.CustomResourceDefinitionCondition{Type: of, Status: apiextensionsv1.ConditionFalse, Reason: reason, Message: message}
	if status {
		made.Status = apiextensionsv1.ConditionTrue
	}
	return made
}
