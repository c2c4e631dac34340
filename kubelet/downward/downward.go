package downward

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Field returns the field of a pod that an environment variable names. The addresses are those that the node knows, which may be ahead
// of the API.
func Field(pod *corev1.Pod, path string, podIPs, hostIPs []string) (string, error) {
	switch path {
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.podIP":
		return first(podIPs), nil
	case "status.podIPs":
		return strings.Join(podIPs, ","), nil
	case "status.hostIP":
		return first(hostIPs), nil
	case "status.hostIPs":
		return strings.Join(hostIPs, ","), nil
	}
	return Metadata(pod, path)
}

// Metadata returns the field of a pod's metadata that a file of a volume names, which may have no others.
func Metadata(pod *corev1.Pod, path string) (string, error) {
	if name, key, ok := subscript(path); ok {
		switch name {
		case "metadata.annotations":
			return pod.Annotations[key], nil
		case "metadata.labels":
			return pod.Labels[key], nil
		}
		return "", fmt.Errorf("fieldPath %q does not support subscript", path)
	}
	switch path {
	case "metadata.annotations":
		return formatMap(pod.Annotations), nil
	case "metadata.labels":
		return formatMap(pod.Labels), nil
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	}
	return "", fmt.Errorf("unsupported fieldPath: %v", path)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// subscript splits metadata.labels['key'].
func subscript(path string) (name, key string, ok bool) {
	name, rest, _ := strings.Cut(path, "['")
	key, ok = strings.CutSuffix(rest, "']")
	return name, key, ok && name != ""
}

// formatMap writes one key="value" line per entry, sorted by key.
func formatMap(entries map[string]string) string {
	lines := make([]string, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		lines = append(lines, key+"="+strconv.Quote(entries[key]))
	}
	return strings.Join(lines, "\n")
}

// Resource returns the request or limit of a container of the pod in units of the divisor, rounded up. own is the container that asks,
// which is meant where none is named; nil for a volume. A limit of what every node has, where there is none,
// is that of the pod, or else what this node has.
func Resource(pod *corev1.Pod, own *corev1.Container, ref *corev1.ResourceFieldSelector, allocatable corev1.ResourceList) (string, error) {
	container := own
	if own == nil || ref.ContainerName != "" && ref.ContainerName != own.Name {
		if container = Container(pod, ref.ContainerName); container == nil {
			return "", fmt.Errorf("container %s not found", ref.ContainerName)
		}
	}
	kind, text, _ := strings.Cut(ref.Resource, ".")
	name := corev1.ResourceName(text)
	everywhere := name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
	if kind != "limits" && kind != "requests" || !everywhere && !strings.HasPrefix(text, corev1.ResourceHugePagesPrefix) {
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	value := container.Resources.Requests[name]
	if kind == "limits" {
		if value = container.Resources.Limits[name]; value.IsZero() && everywhere {
			value = bound(pod, name, allocatable)
		}
	}
	return strconv.FormatInt(inUnits(value, ref.Divisor, name == corev1.ResourceCPU), 10), nil
}

// bound is what a container without a limit of its own can have: what its pod may, or else what the node can give.
func bound(pod *corev1.Pod, name corev1.ResourceName, allocatable corev1.ResourceList) resource.Quantity {
	if pod.Spec.Resources != nil {
		if limit := pod.Spec.Resources.Limits[name]; !limit.IsZero() {
			return limit
		}
	}
	return allocatable[name]
}

func inUnits(value, divisor resource.Quantity, milli bool) int64 {
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	have, unit := value.Value(), divisor.Value()
	if milli {
		have, unit = value.MilliValue(), divisor.MilliValue()
	}
	return (have + unit - 1) / unit
}

// Container is the container or init container of a name, or nil.
func Container(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
