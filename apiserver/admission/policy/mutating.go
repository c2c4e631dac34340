package policy

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Mutating changes objects as MutatingAdmissionPolicies say.
type Mutating struct {
	Deps
	source source
}

// NewMutating returns the plugin.
func NewMutating(deps Deps) *Mutating {
	m := &Mutating{Deps: deps}
	m.source = source{policies: resourceOf("mutatingadmissionpolicies"), bindings: resourceOf("mutatingadmissionpolicybindings"), read: m.read}
	return m
}

func (m *Mutating) read(l admission.Lister) []*policy {
	bound := map[string][]*binding{}
	for _, b := range auth.List[*admissionregistrationv1.MutatingAdmissionPolicyBinding](l, m.source.bindings, "") {
		bound[b.Spec.PolicyName] = append(bound[b.Spec.PolicyName], newBinding(b.Name, b.Spec.ParamRef, b.Spec.MatchResources))
	}
	return inUse(auth.List[*admissionregistrationv1.MutatingAdmissionPolicy](l, m.source.policies, ""), bound, m.compile)
}

func (m *Mutating) compile(p *admissionregistrationv1.MutatingAdmissionPolicy) *policy {
	made, compiler := compile(m.Environments, spec{
		name: p.Name, params: p.Spec.ParamKind, constraints: p.Spec.MatchConstraints, conditions: p.Spec.MatchConditions,
		variables: p.Spec.Variables, failure: p.Spec.FailurePolicy,
	}, true)
	made.reinvoke = p.Spec.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
	for i := range p.Spec.Mutations {
		switch rule := &p.Spec.Mutations[i]; {
		case rule.ApplyConfiguration != nil:
			made.mutations = append(made.mutations, mutation{rule.PatchType, compiler.Compile(rule.ApplyConfiguration.Expression, expression.ObjectType())})
		case rule.JSONPatch != nil:
			made.mutations = append(made.mutations, mutation{rule.PatchType, compiler.Compile(rule.JSONPatch.Expression, expression.PatchType())})
		}
	}
	return made
}

// Admit implements admission.Mutator.
func (m *Mutating) Admit(ctx context.Context, a *admission.Attributes) error {
	policies := m.source.all(m.Matcher.Lister)
	if len(policies) == 0 || a.ConfiguresAdmission() || a.Object == nil {
		return nil
	}
	rounds := a.Again.Begin("MutatingAdmissionPolicy", a.Object)
	namespace := m.namespace(ctx, a)
	for _, p := range policies {
		applications, failures := m.applications(ctx, p, a)
		for _, f := range failures {
			if err := misconfigured(a, f); err != nil {
				return err
			}
		}
		for i, app := range applications {
			id := p.name + "/" + app.binding.name + "/" + strconv.Itoa(i)
			if rounds.Skips(id) {
				continue
			}
			if err := m.one(ctx, a, app, namespace, rounds, id); err != nil {
				return err
			}
		}
	}
	rounds.End(a.Object)
	return nil
}

// one applies a policy with one parameter.
func (m *Mutating) one(ctx context.Context, a *admission.Attributes, app application, namespace func() (map[string]any, error), rounds *admission.Rounds, id string) error {
	before := a.Object
	matched, err := m.mutate(ctx, a, app, namespace)
	if err != nil {
		a.Object = before
		return refusal(a, failure{app.policy, app.binding, err})
	}
	if !matched {
		return nil
	}
	if !equality.Semantic.DeepEqual(before, a.Object) {
		rounds.Changed()
	}
	if app.policy.reinvoke {
		rounds.Asked(id)
	}
	return nil
}

// mutate applies each mutation to what the one before it left. One that fails is left out where the policy says so.
func (m *Mutating) mutate(ctx context.Context, a *admission.Attributes, app application, namespaceOf func() (map[string]any, error)) (matched bool, err error) {
	namespace, err := namespaceOf()
	if err != nil {
		return false, err
	}
	input := expression.Input{Params: app.params, Namespace: namespace, Authorizer: m.Authorizer}
	if input.Write, err = expression.NewWrite(a, app.target); err != nil {
		return false, err
	}
	matched, err = app.policy.conditions.Match(expression.NewEvaluation(ctx, input, nil, expression.ConditionsBudget))
	if err != nil || !matched {
		return false, err
	}
	budget := expression.PolicyBudget
	for _, mutation := range app.policy.mutations {
		if input.Write, err = expression.NewWrite(a, app.target); err != nil {
			return true, err
		}
		evaluation := expression.NewEvaluation(ctx, input, app.policy.variables, budget)
		if err := mutation.apply(evaluation, a, app.target); err != nil && !app.policy.failOpen {
			return true, err
		}
		budget = evaluation.Remaining()
	}
	return true, nil
}

// misconfigured refuses a write because a policy, or a binding, cannot be applied to anything; nil where the policy lets it pass.
func misconfigured(a *admission.Attributes, f failure) error {
	if f.policy.failOpen {
		return nil
	}
	if f.binding == nil {
		return refused(a, fmt.Sprintf("policy %q denied request: failed to configure policy: %v", f.policy.name, f.err), metav1.StatusReasonForbidden)
	}
	return refused(a, fmt.Sprintf("policy '%s' with binding '%s' denied request: failed to configure binding: %v", f.policy.name, f.binding.name, f.err), metav1.StatusReasonForbidden)
}

// refusal of a write because of a policy that fails on it; nil where the policy lets it pass.
func refusal(a *admission.Attributes, f failure) error {
	if f.policy.failOpen {
		return nil
	}
	if apierrors.IsInternalError(f.err) {
		return f.err
	}
	return refused(a, fmt.Sprintf("policy '%s' with binding '%s' denied request: %v", f.policy.name, f.binding.name, f.err), metav1.StatusReasonInvalid)
}

func refused(a *admission.Attributes, text string, reason metav1.StatusReason) error {
	err := apierrors.NewForbidden(a.GroupResource(), a.ObjectName(), errors.New(text))
	err.ErrStatus.Message, err.ErrStatus.Reason = text, reason
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Message: text}}
	return err
}
