package storageobjectinuse

import (
	"context"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Plugin is StorageObjectInUseProtection.
type Plugin struct{}

// finalizers by resource; the controllers that protect take them away.
func finalizer(of schema.GroupResource) string {
	switch of {
	case schema.GroupResource{Resource: "persistentvolumes"}:
		return "kubernetes.io/pv-protection"
	case schema.GroupResource{Resource: "persistentvolumeclaims"}:
		return "kubernetes.io/pvc-protection"
	case schema.GroupResource{Group: storagev1.GroupName, Resource: "volumeattributesclasses"}:
		return "kubernetes.io/vac-protection"
	}
	return ""
}

// Admit adds the finalizer at creation.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	of := a.GroupResource()
	name := finalizer(of)
	if name == "" || !a.Is(of, "", admission.Create) {
		return nil
	}
	if obj, ok := a.Object.(resource.Object); ok && !slices.Contains(obj.GetFinalizers(), name) {
		obj.SetFinalizers(append(slices.Clone(obj.GetFinalizers()), name))
	}
	return nil
}
