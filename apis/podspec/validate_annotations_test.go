package podspec

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestDeletionCostIsANumber(t *testing.T) {
	cost := func(value string) map[string]string { return map[string]string{corev1.PodDeletionCost: value} }
	for value, fine := range map[string]bool{"0": true, "-5": true, "2147483647": true, "": false, "bad": false, "+1": false, "008": false, "2147483648": false} {
		errs := ValidateDeletionCost(cost(value), nil, field.NewPath("metadata", "annotations"))
		if (len(errs) == 0) != fine {
			t.Errorf("%q: %v", value, errs)
		}
		if errs := ValidateDeletionCost(cost(value), cost(value), nil); len(errs) > 0 {
			t.Errorf("%q was there before: %v", value, errs)
		}
	}
	if errs := ValidateDeletionCost(nil, cost("bad"), nil); len(errs) > 0 {
		t.Error(errs)
	}
}
