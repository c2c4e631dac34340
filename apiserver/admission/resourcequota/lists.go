package resourcequota

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// add returns a+b over all names of both.
func add(a, b corev1.ResourceList) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for name, quantity := range a {
		sum[name] = quantity.DeepCopy()
	}
	for name, quantity := range b {
		total := sum[name].DeepCopy()
		total.Add(quantity)
		sum[name] = total
	}
	return sum
}

// subtract returns a-b without what is zero.
func subtract(a, b corev1.ResourceList) corev1.ResourceList {
	rest := corev1.ResourceList{}
	for name := range add(a, b) {
		left := a[name].DeepCopy()
		left.Sub(b[name])
		if !left.IsZero() {
			rest[name] = left
		}
	}
	return rest
}

// mask keeps what limits also names.
func mask(list, limits corev1.ResourceList) corev1.ResourceList {
	kept := corev1.ResourceList{}
	for name, quantity := range list {
		if _, ok := limits[name]; ok {
			kept[name] = quantity
		}
	}
	return kept
}

// without returns the names that limits does not have, sorted.
func without(list, limits corev1.ResourceList) []string {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if _, ok := limits[name]; !ok {
			missing = append(missing, string(name))
		}
	}
	return missing
}

// exceeded returns the names that are over their limit and that the request makes more of, sorted.
func exceeded(used, hard, requested corev1.ResourceList) []corev1.ResourceName {
	var over []corev1.ResourceName
	for _, name := range slices.Sorted(maps.Keys(requested)) {
		more, total := requested[name], used[name]
		if more.Sign() > 0 && total.Cmp(hard[name]) > 0 {
			over = append(over, name)
		}
	}
	return over
}

func show(list corev1.ResourceList, names []corev1.ResourceName) string {
	var parts []string
	for _, name := range names {
		quantity := list[name]
		parts = append(parts, string(name)+"="+quantity.String())
	}
	return strings.Join(parts, ",")
}

func one() resource.Quantity { return *resource.NewQuantity(1, resource.DecimalSI) }
