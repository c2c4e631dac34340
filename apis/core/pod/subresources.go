package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// subresources are those beside status.
func subresources() []resource.Subresource {
	return []resource.Subresource{
		resource.Action("attach", resource.CoreKind("PodAttachOptions"), resource.NewList[corev1.PodAttachOptions], "create", "get"),
		resource.Action("binding", resource.CoreKind("Binding"), resource.NewList[corev1.Binding], "create"),
		resource.View("ephemeralcontainers", prepareEphemeralContainers).Checked(resource.CheckUpdate(podspec.ValidateEphemeralUpdate)),
		resource.Action("eviction", policyv1.SchemeGroupVersion.WithKind("Eviction"), resource.NewList[policyv1.Eviction], "create"),
		resource.Action("exec", resource.CoreKind("PodExecOptions"), resource.NewList[corev1.PodExecOptions], "create", "get"),
		resource.Action("log", resource.CoreKind("Pod"), resource.NewList[corev1.PodLogOptions], "get"),
		resource.Action("portforward", resource.CoreKind("PodPortForwardOptions"), resource.NewList[corev1.PodPortForwardOptions], "create", "get"),
		resource.Proxy("PodProxyOptions"),
		resource.View("resize", prepareResize).Checked(resource.CheckUpdate(podspec.ValidateResize)),
	}
}

// prepareEphemeralContainers lets only the ephemeral containers change.
func prepareEphemeralContainers(obj, old *corev1.Pod) {
	containers := obj.Spec.EphemeralContainers
	resource.RestoreMeta(obj, old, resource.AllMeta)
	obj.Spec, obj.Status = old.Spec, old.Status
	obj.Spec.EphemeralContainers = containers
	resource.BumpGeneration(obj, old, &obj.Spec, &old.Spec)
}

// prepareResize lets only the resources and the resize policies of containers change.
func prepareResize(obj, old *corev1.Pod) {
	wanted := obj.Spec
	resource.RestoreMeta(obj, old, resource.AllMeta)
	obj.Status = old.Status
	obj.Spec = *old.Spec.DeepCopy()
	obj.Spec.Containers = resized(obj.Spec.Containers, wanted.Containers)
	obj.Spec.InitContainers = resized(obj.Spec.InitContainers, wanted.InitContainers)
	resource.BumpGeneration(obj, old, &obj.Spec, &old.Spec)
}

// resized are the containers with the resources that are wanted. Others than there are, or in another order, are returned as they
// are, to be refused.
func resized(containers, wanted []corev1.Container) []corev1.Container {
	if !slices.EqualFunc(containers, wanted, func(a, b corev1.Container) bool { return a.Name == b.Name }) {
		return wanted
	}
	for i := range containers {
		containers[i].Resources = wanted[i].Resources
		containers[i].ResizePolicy = wanted[i].ResizePolicy
	}
	return containers
}
