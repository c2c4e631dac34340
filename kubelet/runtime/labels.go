package runtime

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	kubelettypes "k8s.io/kubelet/pkg/types"
)

// Annotations of containers, with the names that crictl and other node tools know.
const (
	annotationHash             = "io.kubernetes.container.hash"
	annotationRestartCount     = "io.kubernetes.container.restartCount"
	annotationMessagePath      = "io.kubernetes.container.terminationMessagePath"
	annotationMessagePolicy    = "io.kubernetes.container.terminationMessagePolicy"
	annotationPorts            = "io.kubernetes.container.ports"
	annotationPreStop          = "io.kubernetes.container.preStopHandler"
	annotationDeletionGrace    = "io.kubernetes.pod.deletionGracePeriod"
	annotationTerminationGrace = "io.kubernetes.pod.terminationGracePeriod"
	annotationMessageHostPath  = "io.kubernetes.container.terminationMessageHostPath"
	annotationConfigSource     = "kubernetes.io/config.source"
	annotationConfigSeen       = "kubernetes.io/config.seen"
	defaultTerminationGrace    = 30
)

func podLabels(pod *corev1.Pod) map[string]string {
	return map[string]string{
		kubelettypes.KubernetesPodNameLabel:      pod.Name,
		kubelettypes.KubernetesPodNamespaceLabel: pod.Namespace,
		kubelettypes.KubernetesPodUIDLabel:       string(pod.UID),
	}
}

func sandboxLabels(pod *corev1.Pod) map[string]string {
	labels := maps.Clone(pod.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, podLabels(pod))
	return labels
}

func containerLabels(pod *corev1.Pod, container string) map[string]string {
	labels := podLabels(pod)
	labels[kubelettypes.KubernetesContainerNameLabel] = container
	return labels
}

func containerAnnotations(pod *corev1.Pod, c *corev1.Container, attempt int, messageHostPath string) map[string]string {
	a := map[string]string{
		annotationHash:          Hash(c),
		annotationRestartCount:  strconv.Itoa(attempt),
		annotationMessagePath:   c.TerminationMessagePath,
		annotationMessagePolicy: string(c.TerminationMessagePolicy),
	}
	if messageHostPath != "" {
		a[annotationMessageHostPath] = messageHostPath
	}
	if pod.DeletionGracePeriodSeconds != nil {
		a[annotationDeletionGrace] = strconv.FormatInt(*pod.DeletionGracePeriodSeconds, 10)
	}
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		a[annotationTerminationGrace] = strconv.FormatInt(*pod.Spec.TerminationGracePeriodSeconds, 10)
	}
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		if raw, err := json.Marshal(c.Lifecycle.PreStop); err == nil {
			a[annotationPreStop] = string(raw)
		}
	}
	if len(c.Ports) > 0 {
		if raw, err := json.Marshal(c.Ports); err == nil {
			a[annotationPorts] = string(raw)
		}
	}
	return a
}

// Hash changes when a container must be replaced because its specification changed: that is its name and image, the
// only fields that the API lets change without a resize.
func Hash(c *corev1.Container) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s\x00%s", c.Name, c.Image)
	return strconv.FormatUint(uint64(h.Sum32()), 16)
}

// GraceOf is the termination grace that a container was created with, for pods whose object is gone.
func (c *Container) GraceOf() int64 {
	for _, key := range []string{annotationDeletionGrace, annotationTerminationGrace} {
		if v, err := strconv.ParseInt(c.Annotations[key], 10, 64); err == nil {
			return v
		}
	}
	return defaultTerminationGrace
}

// PreStopOf is the preStop hook that a container was created with, for pods whose object is gone.
func (c *Container) PreStopOf() *corev1.LifecycleHandler {
	raw := c.Annotations[annotationPreStop]
	if raw == "" {
		return nil
	}
	handler := &corev1.LifecycleHandler{}
	if err := json.Unmarshal([]byte(raw), handler); err != nil {
		return nil
	}
	return handler
}
