package matching

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Criteria are those of one webhook or policy, compiled.
type Criteria struct {
	Include, Exclude []Rule
	// Exact matches only the resource that the client named, and not those that it is equivalent to.
	Exact               bool
	namespaces, objects labels.Selector
}

// Source is what criteria are made of.
type Source struct {
	Include, Exclude    []Rule
	Policy              *admissionregistrationv1.MatchPolicyType
	Namespaces, Objects *metav1.LabelSelector
}

// New compiles criteria. The error names the selector that cannot be read.
func New(s Source) (*Criteria, error) {
	c := &Criteria{Include: s.Include, Exclude: s.Exclude, Exact: s.Policy != nil && *s.Policy == admissionregistrationv1.Exact}
	var err error
	if c.namespaces, err = selector(s.Namespaces); err != nil {
		return nil, fmt.Errorf("reading the selector of namespaces: %w", err)
	}
	if c.objects, err = selector(s.Objects); err != nil {
		return nil, fmt.Errorf("reading the selector of objects: %w", err)
	}
	return c, nil
}

// selector of everything where there is none.
func selector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// OfPolicy compiles the constraints of a policy or of a binding.
func OfPolicy(m *admissionregistrationv1.MatchResources) (*Criteria, error) {
	return New(Source{
		Include: m.ResourceRules, Exclude: m.ExcludeResourceRules, Policy: m.MatchPolicy,
		Namespaces: m.NamespaceSelector, Objects: m.ObjectSelector,
	})
}

// Matcher asks criteria about writes.
type Matcher struct {
	Lister admission.Lister
	// Rows that are built in, to find those that share their objects.
	Rows []*resource.Resource
}

// Match returns as what the criteria see the write, or nil where they are not about it.
func (m *Matcher) Match(ctx context.Context, c *Criteria, a *admission.Attributes) (*Target, error) {
	target := m.target(c, a)
	if target == nil || !matchesObject(c.objects, a) {
		return nil, nil
	}
	matched, err := m.matchesNamespace(ctx, c.namespaces, a)
	if err != nil || !matched {
		return nil, err
	}
	return target, nil
}

// MatchRules looks at the rules and selectors of a binding, which may have no rules.
func (m *Matcher) MatchRules(ctx context.Context, c *Criteria, a *admission.Attributes) (*Target, error) {
	if len(c.Include) > 0 {
		return m.Match(ctx, c, a)
	}
	all := *c
	all.Include = []Rule{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
	}}}
	return m.Match(ctx, &all, a)
}

// target is the resource that the client named, or else the first equivalent one, that a rule is about.
func (m *Matcher) target(c *Criteria, a *admission.Attributes) *Target {
	candidates := []*Target{requested(a)}
	if !c.Exact {
		candidates = append(candidates, m.equivalents(a)...)
	}
	var found *Target
	for _, candidate := range candidates {
		q := &asked{
			resource: candidate.Resource, subresource: a.Subresource, name: a.Name, operation: a.Operation,
			namespaced: a.Namespace != "" && !isNamespace(a),
		}
		if q.matchesAny(c.Exclude) {
			return nil
		}
		if found == nil && q.matchesAny(c.Include) {
			found = candidate
		}
	}
	return found
}

func isNamespace(a *admission.Attributes) bool {
	return a.Resource.Group == "" && a.Resource.Name == "namespaces"
}

// matchesObject is true when the object matches as it is, or as it was.
func matchesObject(s labels.Selector, a *admission.Attributes) bool {
	return s.Empty() || hasLabels(a.Object, s) || hasLabels(a.Old, s)
}

func hasLabels(obj runtime.Object, s labels.Selector) bool {
	if obj == nil {
		return false
	}
	accessor, err := meta.Accessor(obj)
	return err == nil && s.Matches(labels.Set(accessor.GetLabels()))
}

func (m *Matcher) matchesNamespace(ctx context.Context, s labels.Selector, a *admission.Attributes) (bool, error) {
	if s.Empty() {
		return true, nil
	}
	if isNamespace(a) && (a.Operation == admission.Create || a.Operation == admission.Update) {
		return hasLabels(a.Object, s), nil
	}
	name := a.Namespace
	if isNamespace(a) {
		name = a.Name
	}
	if name == "" {
		return true, nil
	}
	namespace, err := m.Namespace(ctx, name)
	if err != nil {
		return false, err
	}
	return s.Matches(labels.Set(namespace.Labels)), nil
}

// Namespace of that name, or a Status that says why there is none.
func (m *Matcher) Namespace(ctx context.Context, name string) (*corev1.Namespace, error) {
	return admission.FindNamespace(ctx, m.Lister, name)
}
