package apiserver

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// namespaceHooks: a namespace goes only when the finalizers of its spec are worked off, and says so meanwhile.
func namespaceHooks() hooks {
	return hooks{
		holds: func(obj resource.Object) bool { return len(obj.(*corev1.Namespace).Spec.Finalizers) > 0 },
		onTerminate: func(obj resource.Object) {
			obj.(*corev1.Namespace).Status.Phase = corev1.NamespaceTerminating
			obj.SetDeletionGracePeriodSeconds(nil)
		},
	}
}
