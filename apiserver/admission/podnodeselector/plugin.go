package podnodeselector

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// Name of the plugin.
const Name = "PodNodeSelector"

const (
	annotation = "scheduler.alpha.kubernetes.io/node-selector"
	// usual is the entry of the configuration for namespaces without an annotation.
	usual = "clusterDefaultNodeSelector"
)

var pods = schema.GroupResource{Resource: "pods"}

// Plugin is PodNodeSelector, which is off unless asked for.
type Plugin struct {
	lister  admission.Lister
	usual   string
	allowed map[string]labels.Set // by namespace; those that are not there may have any
}

// New returns the plugin as it is configured.
func New(lister admission.Lister, from *configuration.File) (*Plugin, error) {
	var config struct {
		PodNodeSelectorPluginConfig map[string]string `json:"podNodeSelectorPluginConfig"`
	}
	if _, err := from.Decode(Name, configuration.Type{}, &config); err != nil {
		return nil, err
	}
	p := &Plugin{lister: lister, allowed: map[string]labels.Set{}}
	for namespace, text := range config.PodNodeSelectorPluginConfig {
		selector, err := labels.ConvertSelectorToLabelsMap(text)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration of the plugin %s: %w", Name, err)
		}
		if namespace == usual {
			p.usual = text
			continue
		}
		p.allowed[namespace] = selector
	}
	return p, nil
}

// Admit adds the selector of the namespace.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, selector, err := p.selector(ctx, a)
	if err != nil || pod == nil {
		return err
	}
	if len(selector)+len(pod.Spec.NodeSelector) > 0 {
		pod.Spec.NodeSelector = labels.Merge(selector, pod.Spec.NodeSelector)
	}
	return p.check(a, pod)
}

// Validate looks again, behind all that may change the pod.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, _, err := p.selector(ctx, a)
	if err != nil || pod == nil {
		return err
	}
	return p.check(a, pod)
}

// selector of the namespace of a new pod; no pod for all else.
func (p *Plugin) selector(ctx context.Context, a *admission.Attributes) (*corev1.Pod, labels.Set, error) {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create) {
		return nil, nil, nil
	}
	namespace, err := admission.FindNamespace(ctx, p.lister, a.Namespace)
	if err != nil {
		return nil, nil, err
	}
	text, ok := namespace.Annotations[annotation]
	if !ok {
		text = p.usual
	}
	selector, err := labels.ConvertSelectorToLabelsMap(text)
	if err != nil {
		return nil, nil, admission.Failed(err)
	}
	if labels.Conflicts(selector, pod.Spec.NodeSelector) {
		return nil, nil, admission.Forbidden(a, errors.New("pod node label selector conflicts with its namespace node label selector"))
	}
	return pod, selector, nil
}

func (p *Plugin) check(a *admission.Attributes, pod *corev1.Pod) error {
	allowed := p.allowed[a.Namespace]
	if len(allowed) == 0 {
		return nil
	}
	for key, value := range pod.Spec.NodeSelector {
		if known, ok := allowed[key]; !ok || known != value {
			return admission.Forbidden(a, errors.New("pod node label selector labels conflict with its namespace whitelist"))
		}
	}
	return nil
}
