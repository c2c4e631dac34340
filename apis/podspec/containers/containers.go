package containers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// Pod is the pod that containers are checked in.
type Pod struct {
	Spec *corev1.PodSpec
	// Volumes are those with which nothing is wrong, and Claims are the names of what is claimed.
	Volumes map[string]*corev1.VolumeSource
	Claims  sets.Set[string]
}

// Each visits the containers that start with the pod.
func Each(spec *corev1.PodSpec, visit func(*corev1.Container)) {
	for i := range spec.InitContainers {
		visit(&spec.InitContainers[i])
	}
	for i := range spec.Containers {
		visit(&spec.Containers[i])
	}
}

// Has says whether a pod has a container of a name.
func Has(spec *corev1.PodSpec, name string) bool {
	found := false
	Each(spec, func(container *corev1.Container) { found = found || container.Name == name })
	return found
}

// eachContainerAt visits the containers of all sorts with their places.
func eachContainerAt(spec *corev1.PodSpec, path *field.Path, visit func(*corev1.Container, *field.Path)) {
	for i := range spec.InitContainers {
		visit(&spec.InitContainers[i], path.Child("initContainers").Index(i))
	}
	for i := range spec.Containers {
		visit(&spec.Containers[i], path.Child("containers").Index(i))
	}
	for i := range spec.EphemeralContainers {
		visit((*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon), path.Child("ephemeralContainers").Index(i))
	}
}

func isSidecar(container *corev1.Container) bool {
	return ptr.Deref(container.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways
}
