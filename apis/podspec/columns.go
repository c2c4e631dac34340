package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Containers names the containers of a template, for a table.
func Containers(spec *corev1.PodSpec) string {
	return joined(spec, func(c *corev1.Container) string { return c.Name })
}

// Images names their images.
func Images(spec *corev1.PodSpec) string {
	return joined(spec, func(c *corev1.Container) string { return c.Image })
}

func joined(spec *corev1.PodSpec, text func(*corev1.Container) string) string {
	out := make([]string, 0, len(spec.Containers))
	for i := range spec.Containers {
		out = append(out, text(&spec.Containers[i]))
	}
	return strings.Join(out, ",")
}
