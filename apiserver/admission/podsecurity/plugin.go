package podsecurity

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods       = schema.GroupResource{Resource: "pods"}
	namespaces = schema.GroupResource{Resource: "namespaces"}
)

// Plugin is PodSecurity.
type Plugin struct {
	lister    admission.Lister
	evaluator policy.Evaluator
	// defaults of namespaces without labels: everything is allowed, unless it is configured otherwise.
	defaults api.Policy
	exempt   exemptions
	counted  *counters
}

// evaluate is by the standards that the library knows. It has no state: all servers of a process share it.
var evaluate = sync.OnceValues(func() (policy.Evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks(), nil) })

// New returns the plugin as it is configured.
func New(lister admission.Lister, from *configuration.File) (*Plugin, error) {
	evaluator, err := evaluate()
	if err != nil {
		return nil, fmt.Errorf("preparing pod security checks: %w", err)
	}
	p := &Plugin{lister: lister, evaluator: evaluator, counted: newCounters()}
	return p, p.configure(from)
}

// Validate implements admission.Validator: pods are refused, what makes pods is warned about, and the labels
// of namespaces are checked.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	switch {
	case a.GroupResource() == namespaces:
		return p.namespace(a)
	case a.GroupResource() == pods:
		return p.pod(ctx, a)
	}
	return p.template(ctx, a)
}

func (p *Plugin) pod(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Subresource != "" && a.Subresource != "ephemeralcontainers" && a.Subresource != "resize" {
		return nil
	}
	if old, ok := a.Old.(*corev1.Pod); ok && !matters(pod, old) {
		return nil
	}
	if why := p.exempt.exempts(a, &pod.Spec); why != "" {
		p.counted.exempt(a, podResource)
		a.AuditAnnotation(exemptAnnotation, why)
		return nil
	}
	labels, err := p.policy(ctx, a, podResource)
	if err != nil {
		return err
	}
	a.AuditAnnotation(enforceAnnotation, labels.Enforce.String())
	if labels.FullyPrivileged() {
		p.counted.evaluated(a, podResource, modeEnforce, labels.Enforce, "")
		return nil
	}
	refusal := p.evaluate(labels.Enforce, &pod.ObjectMeta, &pod.Spec)
	p.counted.evaluated(a, podResource, modeEnforce, labels.Enforce, refusal)
	p.note(a, podResource, labels.Audit, &pod.ObjectMeta, &pod.Spec)
	if refusal != "" {
		return admission.Forbidden(a, fmt.Errorf("violates PodSecurity %q: %s", labels.Enforce.String(), refusal))
	}
	p.warn(a, podResource, labels.Warn, &pod.ObjectMeta, &pod.Spec)
	return nil
}

// template warns early, so that one need not look for the reason when no pods appear.
func (p *Plugin) template(ctx context.Context, a *admission.Attributes) error {
	meta, spec := templateOf(a)
	if spec == nil {
		return nil
	}
	if why := p.exempt.exempts(a, spec); why != "" {
		p.counted.exempt(a, templateResource)
		a.AuditAnnotation(exemptAnnotation, why)
		return nil
	}
	labels, err := p.policy(ctx, a, templateResource)
	if err != nil {
		return nil // the pods will be refused; templates are only warned about
	}
	p.note(a, templateResource, labels.Audit, meta, spec)
	p.warn(a, templateResource, labels.Warn, meta, spec)
	return nil
}

// note writes into the audit log what would violate a standard.
func (p *Plugin) note(a *admission.Attributes, resource string, standard api.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	if complaint := p.evaluate(standard, meta, spec); complaint != "" {
		p.counted.evaluated(a, resource, modeAudit, standard, complaint)
		a.AuditAnnotation(violationsAnnotation, fmt.Sprintf("would violate PodSecurity %q: %s", standard.String(), complaint))
	}
}

func (p *Plugin) warn(a *admission.Attributes, resource string, standard api.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	if complaint := p.evaluate(standard, meta, spec); complaint != "" {
		p.counted.evaluated(a, resource, modeWarn, standard, complaint)
		a.Warning(fmt.Sprintf("would violate PodSecurity %q: %s", standard.String(), complaint))
	}
}

// evaluate returns what is wrong, "" for nothing.
func (p *Plugin) evaluate(standard api.LevelVersion, meta *metav1.ObjectMeta, spec *corev1.PodSpec) string {
	if standard.Level == api.LevelPrivileged {
		return ""
	}
	result := policy.AggregateCheckResults(p.evaluator.EvaluatePod(standard, meta, spec))
	if result.Allowed {
		return ""
	}
	return result.ForbiddenDetail()
}

// policy reads the labels of the namespace. Wrong labels are as strict as can be.
func (p *Plugin) policy(ctx context.Context, a *admission.Attributes, resource string) (api.Policy, error) {
	namespace, ok, err := auth.Find[*corev1.Namespace](ctx, p.lister, namespaces, "", a.Namespace)
	if err == nil && !ok {
		err = errors.New("failed to lookup namespace " + a.Namespace)
	}
	if err != nil {
		p.counted.failed(a, resource, true)
		return api.Policy{}, apierrors.NewInternalError(err)
	}
	labels, wrong := api.PolicyToEvaluate(namespace.Labels, p.defaults)
	if len(wrong) > 0 {
		p.counted.failed(a, resource, false)
	}
	return labels, nil
}

// matters says whether an update changes something that the standards look at.
func matters(pod, old *corev1.Pod) bool {
	if podspec.Unchanged(pod, old) {
		return false
	}
	if !equality.Semantic.DeepEqual(pod.Annotations, old.Annotations) {
		return true
	}
	before, after := old.Spec, pod.Spec
	for _, spec := range []*corev1.PodSpec{&before, &after} {
		spec.ActiveDeadlineSeconds, spec.Tolerations, spec.SchedulingGates, spec.TerminationGracePeriodSeconds = nil, nil, nil, nil
	}
	return !podspec.Equal(&before, &after)
}
