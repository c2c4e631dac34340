package resources

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// FractionWarnings are about an amount of bytes that is no whole number.
func FractionWarnings(list corev1.ResourceList, name corev1.ResourceName, path *field.Path) []string {
	amount, ok := list[name]
	if !ok || isWhole(amount) {
		return nil
	}
	return []string{fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer", path.Key(string(name)), amount.String())}
}

func isWhole(amount resource.Quantity) bool {
	const thousandths = 1000
	return amount.MilliValue()%thousandths == 0
}
