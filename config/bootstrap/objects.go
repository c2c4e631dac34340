package bootstrap

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Objects returns all objects, complete but for what the server sets (UID, creation time, generation,
// managed fields), in an order in which each finds what it refers to. Their TypeMeta is filled in.
func Objects() ([]resource.Object, error) {
	policy, err := NewPolicy()
	if err != nil {
		return nil, fmt.Errorf("reading bootstrap policy: %w", err)
	}
	var all []resource.Object
	all = append(all, systemNamespaces()...)
	all = append(all, policy.Objects()...)
	all = append(all, priorityClasses()...)
	for _, shared := range flowControl() {
		all = append(all, shared.DeepCopyObject().(resource.Object))
	}
	return all, nil
}

// systemNamespaces are those that the system needs.
func systemNamespaces() []resource.Object {
	var all []resource.Object
	for _, name := range []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease, metav1.NamespaceDefault} {
		all = append(all, &corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}},
			Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
			Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
		})
	}
	return all
}

const systemPriority = 2_000_000_000

// priorityClasses for pods without which the cluster, or its node, does not work.
func priorityClasses() []resource.Object {
	class := func(name string, value int32, description string) resource.Object {
		return &schedulingv1.PriorityClass{
			TypeMeta:         metav1.TypeMeta{APIVersion: "scheduling.k8s.io/v1", Kind: "PriorityClass"},
			ObjectMeta:       metav1.ObjectMeta{Name: name},
			Value:            value,
			Description:      description,
			PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
		}
	}
	return []resource.Object{
		class("system-node-critical", systemPriority+1000, "Used for system critical pods that must not be moved from their current node."),
		class("system-cluster-critical", systemPriority, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
	}
}
