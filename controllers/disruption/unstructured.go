package disruption

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// asUnstructured names an object of a kind that the scheme may not know.
func asUnstructured(obj *metav1.PartialObjectMetadata) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(obj.GroupVersionKind())
	out.SetNamespace(obj.Namespace)
	out.SetName(obj.Name)
	return out
}
