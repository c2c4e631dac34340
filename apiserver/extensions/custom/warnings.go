package custom

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// warnFinalizers warns of finalizers that come with the object and whose names might be those of others, too.
func warnFinalizers(_ context.Context, obj, old resource.Object) []string {
	known := []string{metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents, "kubernetes"}
	if old != nil {
		known = append(known, old.GetFinalizers()...)
	}
	var warnings []string
	for _, name := range obj.GetFinalizers() {
		if !strings.Contains(name, "/") && !slices.Contains(known, name) {
			warnings = append(warnings, fmt.Sprintf("metadata.finalizers: %q: prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers", name))
		}
	}
	return warnings
}
