package extendedresourcetoleration

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

var pods = schema.GroupResource{Resource: "pods"}

// Plugin is ExtendedResourceToleration, which is off unless asked for.
type Plugin struct{}

// Admit adds a toleration for the name of each resource.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create, admission.Update) {
		return nil
	}
	names := sets.New[string]()
	for _, container := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		for name := range container.Resources.Requests {
			if extended(string(name)) {
				names.Insert(string(name))
			}
		}
	}
	for _, name := range sets.List(names) {
		toleration := corev1.Toleration{Key: name, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
		known := func(t corev1.Toleration) bool { return equality.Semantic.DeepEqual(t, toleration) }
		if !slices.ContainsFunc(pod.Spec.Tolerations, known) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, toleration)
		}
	}
	return nil
}

// extended says that a resource is none of Kubernetes' own.
func extended(name string) bool {
	return strings.Contains(name, "/") && !strings.Contains(name, corev1.ResourceDefaultNamespacePrefix) && !strings.HasPrefix(name, corev1.DefaultResourceRequestsPrefix)
}
