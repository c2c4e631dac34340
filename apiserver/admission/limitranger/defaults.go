package limitranger

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const annotation = "kubernetes.io/limit-ranger"

// applyDefaults fills in what containers leave open, and notes it in an annotation.
func applyDefaults(limits *corev1.LimitRange, pod *corev1.Pod) {
	requests, maxima := corev1.ResourceList{}, corev1.ResourceList{}
	for _, item := range limits.Spec.Limits {
		if item.Type == corev1.LimitTypeContainer {
			fill(requests, item.DefaultRequest)
			fill(maxima, item.Default)
		}
	}
	var notes []string
	for i := range pod.Spec.Containers {
		notes = append(notes, defaultContainer("container", &pod.Spec.Containers[i], requests, maxima)...)
	}
	for i := range pod.Spec.InitContainers {
		notes = append(notes, defaultContainer("init container", &pod.Spec.InitContainers[i], requests, maxima)...)
	}
	if len(notes) == 0 {
		return
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[annotation] = "LimitRanger plugin set: " + strings.Join(notes, "; ")
}

func defaultContainer(kind string, c *corev1.Container, requests, maxima corev1.ResourceList) []string {
	var notes []string
	note := func(what string, names []string) {
		if len(names) > 0 {
			notes = append(notes, fmt.Sprintf("%s %s for %s %s", strings.Join(names, ", "), what, kind, c.Name))
		}
	}
	if c.Resources.Requests == nil && len(requests) > 0 {
		c.Resources.Requests = corev1.ResourceList{}
	}
	if c.Resources.Limits == nil && len(maxima) > 0 {
		c.Resources.Limits = corev1.ResourceList{}
	}
	note("request", fill(c.Resources.Requests, requests))
	note("limit", fill(c.Resources.Limits, maxima))
	return notes
}

// fill adds what is missing and returns its names, sorted.
func fill(into, from corev1.ResourceList) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if _, ok := into[name]; !ok {
			into[name] = from[name].DeepCopy()
			names = append(names, string(name))
		}
	}
	return names
}
