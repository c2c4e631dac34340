package pvcresize

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	claims  = schema.GroupResource{Resource: "persistentvolumeclaims"}
	classes = schema.GroupResource{Group: storagev1.GroupName, Resource: "storageclasses"}
)

// Plugin is PersistentVolumeClaimResize.
type Plugin struct {
	Lister admission.Lister
}

// Validate looks at claims that grow.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	old, hasOld := a.Old.(*corev1.PersistentVolumeClaim)
	if !ok || !hasOld || !a.Is(claims, "", admission.Update) {
		return nil
	}
	before, after := old.Spec.Resources.Requests[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if after.Cmp(before) <= 0 {
		return nil
	}
	if old.Status.Phase != corev1.ClaimBound {
		return admission.Forbidden(a, errors.New("Only bound persistent volume claims can be expanded")) //nolint:staticcheck // upstream's words
	}
	if !p.expandable(ctx, claim, old) {
		return admission.Forbidden(a, errors.New("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"))
	}
	return nil
}

func (p *Plugin) expandable(ctx context.Context, claim, old *corev1.PersistentVolumeClaim) bool {
	name := className(claim)
	if name == "" || name != className(old) {
		return false
	}
	class, ok, err := auth.Find[*storagev1.StorageClass](ctx, p.Lister, classes, "", name)
	return err == nil && ok && class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if name, ok := claim.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return name
	}
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}
