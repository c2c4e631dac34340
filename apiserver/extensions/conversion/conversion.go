package conversion

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Converter returns objects of one kind in another version. It never changes what it is given, and returns as many, in the same order.
type Converter interface {
	Convert(ctx context.Context, objects []*unstructured.Unstructured, to schema.GroupVersion) ([]*unstructured.Unstructured, error)
}

// None is the converter of kinds whose versions have the same form.
type None struct{}

// Convert implements Converter.
func (None) Convert(_ context.Context, objects []*unstructured.Unstructured, to schema.GroupVersion) ([]*unstructured.Unstructured, error) {
	converted := make([]*unstructured.Unstructured, len(objects))
	for i, obj := range objects {
		converted[i] = obj
		if obj.GetAPIVersion() != to.String() {
			converted[i] = obj.DeepCopy()
			converted[i].SetAPIVersion(to.String())
		}
	}
	return converted, nil
}
