package runtimeclass

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods    = schema.GroupResource{Resource: "pods"}
	classes = schema.GroupResource{Group: nodev1.GroupName, Resource: "runtimeclasses"}
)

// Plugin is RuntimeClass.
type Plugin struct {
	Lister admission.Lister
}

// Admit adds what the pod's class says.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, class, err := p.class(ctx, a)
	if class == nil || err != nil {
		return err
	}
	if class.Overhead != nil {
		if pod.Spec.Overhead != nil && !equality.Semantic.DeepEqual(pod.Spec.Overhead, class.Overhead.PodFixed) {
			return admission.Forbidden(a, errors.New("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
		}
		pod.Spec.Overhead = class.Overhead.PodFixed.DeepCopy()
	}
	if class.Scheduling == nil {
		return nil
	}
	for key, value := range class.Scheduling.NodeSelector {
		if given, ok := pod.Spec.NodeSelector[key]; ok && given != value {
			return admission.Forbidden(a, fmt.Errorf("conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, value, key, given))
		}
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[key] = value
	}
	for i := range class.Scheduling.Tolerations {
		addToleration(pod, &class.Scheduling.Tolerations[i])
	}
	return nil
}

func addToleration(pod *corev1.Pod, toleration *corev1.Toleration) {
	for i := range pod.Spec.Tolerations {
		if equality.Semantic.DeepEqual(pod.Spec.Tolerations[i], *toleration) {
			return
		}
	}
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, *toleration.DeepCopy())
}

// Validate refuses an overhead that no class says.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, class, err := p.class(ctx, a)
	if err != nil || pod == nil || pod.Spec.Overhead == nil {
		return err
	}
	if class == nil || class.Overhead == nil {
		return admission.Forbidden(a, errors.New("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"))
	}
	if !equality.Semantic.DeepEqual(pod.Spec.Overhead, class.Overhead.PodFixed) {
		return admission.Forbidden(a, fmt.Errorf("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
	}
	return nil
}

// class returns the pod that is created, and its class if it names one.
func (p *Plugin) class(ctx context.Context, a *admission.Attributes) (*corev1.Pod, *nodev1.RuntimeClass, error) {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create) {
		return nil, nil, nil
	}
	if pod.Spec.RuntimeClassName == nil || *pod.Spec.RuntimeClassName == "" {
		return pod, nil, nil
	}
	class, ok, err := auth.Find[*nodev1.RuntimeClass](ctx, p.Lister, classes, "", *pod.Spec.RuntimeClassName)
	if err != nil {
		return nil, nil, admission.Forbidden(a, err)
	}
	if !ok {
		return nil, nil, admission.Forbidden(a, fmt.Errorf("pod rejected: RuntimeClass %q not found", *pod.Spec.RuntimeClassName))
	}
	return pod, class, nil
}
