package volume

import (
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/coxswain-k8s/coxswain/kubelet/volume/atomicdir"
)

func (s setter) downwardFiles(items []corev1.DownwardAPIVolumeFile, defaultMode fs.FileMode) (payload, error) {
	files := payload{}
	var errs []error
	for _, item := range items {
		value, err := s.downwardValue(item)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		mode := defaultMode
		if item.Mode != nil {
			mode = fileMode(item.Mode)
		}
		files[item.Path] = atomicdir.File{Data: []byte(value), Mode: mode}
	}
	if len(errs) > 0 {
		return nil, aggregate(errs)
	}
	return files, nil
}

func (s setter) downwardValue(item corev1.DownwardAPIVolumeFile) (string, error) {
	switch {
	case item.FieldRef != nil:
		return FieldValue(s.pod, item.FieldRef.FieldPath)
	case item.ResourceFieldRef != nil:
		var allocatable corev1.ResourceList
		if s.Allocatable != nil {
			allocatable = s.Allocatable()
		}
		return ResourceValue(s.pod, item.ResourceFieldRef, allocatable)
	default:
		return "", fmt.Errorf("downward API file %s has neither fieldRef nor resourceFieldRef", item.Path)
	}
}

// FieldValue is the text of a field of the pod's metadata, as volumes and environment variables show it.
func FieldValue(pod *corev1.Pod, path string) (string, error) {
	if field, key, ok := subscript(path); ok {
		switch field {
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
	default:
		return "", fmt.Errorf("unsupported fieldPath: %v", path)
	}
}

// subscript splits "metadata.labels['key']".
func subscript(path string) (field, key string, ok bool) {
	field, rest, found := strings.Cut(path, "['")
	if !found || !strings.HasSuffix(rest, "']") {
		return "", "", false
	}
	return field, strings.TrimSuffix(rest, "']"), true
}

// formatMap writes one key="value" line per entry, sorted by key.
func formatMap(entries map[string]string) string {
	keys := make([]string, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	lines := make([]string, len(keys))
	for i, key := range keys {
		lines[i] = key + "=" + strconv.Quote(entries[key])
	}
	return strings.Join(lines, "\n")
}

// ResourceValue is the text of a container's request or limit in units of the divisor, rounded up. An unset limit is
// what the node has; an unset request is the limit, if there is one, or else nothing.
func ResourceValue(pod *corev1.Pod, ref *corev1.ResourceFieldSelector, allocatable corev1.ResourceList) (string, error) {
	container := findContainer(pod, ref.ContainerName)
	if container == nil {
		return "", fmt.Errorf("container %s not found", ref.ContainerName)
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	resourceName := corev1.ResourceName(name)
	var value resource.Quantity
	switch kind {
	case "limits":
		limit, ok := container.Resources.Limits[resourceName]
		if !ok && defaultable(resourceName) {
			limit = allocatable[resourceName]
		}
		value = limit
	case "requests":
		value = container.Resources.Requests[resourceName]
	default:
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	if !defaultable(resourceName) && !strings.HasPrefix(name, corev1.ResourceHugePagesPrefix) {
		return "", fmt.Errorf("unsupported container resource : %v", ref.Resource)
	}
	return strconv.FormatInt(inUnits(value, ref.Divisor, resourceName == corev1.ResourceCPU), 10), nil
}

func defaultable(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
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

func findContainer(pod *corev1.Pod, name string) *corev1.Container {
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == name {
			return &pod.Spec.Containers[i]
		}
	}
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			return &pod.Spec.InitContainers[i]
		}
	}
	return nil
}
