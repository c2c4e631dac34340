package podtolerationrestriction

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// Name of the plugin.
const Name = "PodTolerationRestriction"

// Annotations of namespaces that stand in for what the configuration says.
const (
	defaults = "scheduler.alpha.kubernetes.io/defaultTolerations"
	allowed  = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
)

var pods = schema.GroupResource{Resource: "pods"}

// Plugin is PodTolerationRestriction, which is off unless asked for.
type Plugin struct {
	lister admission.Lister
	config config
}

// config is for namespaces without annotations.
type config struct {
	Default   []corev1.Toleration `json:"default"`
	Whitelist []corev1.Toleration `json:"whitelist"`
}

// New returns the plugin as it is configured.
func New(lister admission.Lister, from *configuration.File) (*Plugin, error) {
	p := &Plugin{lister: lister}
	of := configuration.Type{Kind: "Configuration", Versions: []string{"podtolerationrestriction.admission.k8s.io/v1alpha1"}}
	_, err := from.Decode(Name, of, &p.config)
	return p, err
}

// Admit adds the tolerations of the namespace to new pods.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, namespace, err := p.find(ctx, a)
	if err != nil || pod == nil {
		return err
	}
	if a.Operation == admission.Create {
		more, err := read(namespace, defaults, p.config.Default)
		if err != nil {
			return err
		}
		if len(more) > 0 {
			pod.Spec.Tolerations = merge(slices.Concat(pod.Spec.Tolerations, more))
		}
		if podspec.QOS(&pod.Spec) != corev1.PodQOSBestEffort { // it stays on a node that is short of memory
			pod.Spec.Tolerations = merge(append(pod.Spec.Tolerations, corev1.Toleration{
				Key: corev1.TaintNodeMemoryPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule,
			}))
		}
	}
	return p.check(pod, namespace)
}

// Validate looks again, behind all that may change the pod.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, namespace, err := p.find(ctx, a)
	if err != nil || pod == nil {
		return err
	}
	return p.check(pod, namespace)
}

func (p *Plugin) find(ctx context.Context, a *admission.Attributes) (*corev1.Pod, *corev1.Namespace, error) {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create, admission.Update) {
		return nil, nil, nil
	}
	namespace, err := admission.FindNamespace(ctx, p.lister, a.Namespace)
	if err != nil {
		return nil, nil, err
	}
	return pod, namespace, nil
}

func (p *Plugin) check(pod *corev1.Pod, namespace *corev1.Namespace) error {
	whose := "cluster"
	if _, ok := namespace.Annotations[allowed]; ok {
		whose = "namespace"
	}
	list, err := read(namespace, allowed, p.config.Whitelist)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, toleration := range pod.Spec.Tolerations {
		if !slices.ContainsFunc(list, func(l corev1.Toleration) bool { return covers(l, toleration) }) {
			return admission.Failed(errors.New("pod tolerations (possibly merged with namespace default tolerations) conflict with its " + whose + " whitelist"))
		}
	}
	return nil
}

// read reads an annotation; without it, the configuration holds.
func read(namespace *corev1.Namespace, annotation string, configured []corev1.Toleration) ([]corev1.Toleration, error) {
	text, ok := namespace.Annotations[annotation]
	if !ok {
		return configured, nil
	}
	if text == "" {
		return nil, nil
	}
	var list []corev1.Toleration
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, admission.Failed(err)
	}
	return list, nil
}

// merge leaves out what others cover.
func merge(all []corev1.Toleration) []corev1.Toleration {
	var merged []corev1.Toleration
	for i, toleration := range all {
		covered := slices.ContainsFunc(merged, func(m corev1.Toleration) bool { return covers(m, toleration) }) ||
			slices.ContainsFunc(all[i+1:], func(m corev1.Toleration) bool { return covers(m, toleration) && !covers(toleration, m) })
		if !covered {
			merged = append(merged, toleration)
		}
	}
	return merged
}

// covers says that who tolerates all that wide does also tolerates all that narrow does.
func covers(wide, narrow corev1.Toleration) bool {
	exists := wide.Operator == corev1.TolerationOpExists
	if wide.Key != narrow.Key && (wide.Key != "" || !exists) {
		return false
	}
	if wide.Effect != narrow.Effect && wide.Effect != "" {
		return false
	}
	if wide.Effect == corev1.TaintEffectNoExecute && wide.TolerationSeconds != nil &&
		(narrow.TolerationSeconds == nil || *narrow.TolerationSeconds > *wide.TolerationSeconds) {
		return false
	}
	if exists || narrow.Operator == corev1.TolerationOpExists || wide.Value != narrow.Value {
		return exists
	}
	return wide.Operator == "" || narrow.Operator == wide.Operator // as upstream has it, Equal does not cover what says nothing
}
