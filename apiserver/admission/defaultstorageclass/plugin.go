package defaultstorageclass

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

const (
	isDefault     = "storageclass.kubernetes.io/is-default-class"
	isDefaultBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

var (
	claims  = schema.GroupResource{Resource: "persistentvolumeclaims"}
	classes = schema.GroupResource{Group: storagev1.GroupName, Resource: "storageclasses"}
)

// Plugin is DefaultStorageClass.
type Plugin struct {
	Lister admission.Lister
}

// Admit names the default class in claims that name none. Without a default class they wait for one.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	claim, ok := a.Object.(*corev1.PersistentVolumeClaim)
	if !ok || !a.Is(claims, "", admission.Create) || claim.Spec.StorageClassName != nil {
		return nil
	}
	if _, beta := claim.Annotations[corev1.BetaStorageClassAnnotation]; beta {
		return nil
	}
	if class := p.defaultClass(); class != nil {
		claim.Spec.StorageClassName = &class.Name
	}
	return nil
}

// defaultClass is the newest that is marked so; of equally new ones, the first by name.
func (p *Plugin) defaultClass() *storagev1.StorageClass {
	var found *storagev1.StorageClass
	p.Lister.Each(classes, "", func(obj resource.Object) bool {
		class, ok := obj.(*storagev1.StorageClass)
		if !ok || class.Annotations[isDefault] != "true" && class.Annotations[isDefaultBeta] != "true" {
			return true
		}
		if found == nil || found.CreationTimestamp.Before(&class.CreationTimestamp) {
			found = class
		}
		return true
	})
	return found
}
