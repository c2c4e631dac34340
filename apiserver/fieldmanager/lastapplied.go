package fieldmanager

import (
	"bytes"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
)

// lastAppliedManager is the manager that goes on where a client applied before the server did.
const lastAppliedManager = "kubectl"

// appliedByClient says whether the manager has applied the object as a client: what stands in the annotation is its own then, though it
// is another's by now.
func (a *application) appliedByClient() bool {
	return a.Manager == lastAppliedManager && a.live.GetAnnotations()[corev1.LastAppliedConfigAnnotation] != ""
}

// remember keeps the annotation of such an object as the client would, so that it could go back to applying by itself.
func (a *application) remember(merged resource.Object, configuration *unstructured.Unstructured) error {
	annotations := merged.GetAnnotations()
	if a.Manager != lastAppliedManager || annotations[corev1.LastAppliedConfigAnnotation] == "" {
		return nil
	}
	bare := configuration.DeepCopy()
	named := bare.GetAnnotations()
	delete(named, corev1.LastAppliedConfigAnnotation)
	bare.SetAnnotations(named)
	var text bytes.Buffer
	if err := unstructured.UnstructuredJSONScheme.Encode(bare, &text); err != nil {
		return merge.ErrNoPlan
	}
	annotations = maps.Clone(annotations)
	annotations[corev1.LastAppliedConfigAnnotation] = text.String()
	if validation.ValidateAnnotationsSize(annotations) != nil {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
	}
	merged.SetAnnotations(annotations)
	return nil
}
