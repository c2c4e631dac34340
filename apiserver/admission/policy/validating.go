package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Validating refuses writes that ValidatingAdmissionPolicies forbid.
type Validating struct {
	Deps
	source source
}

// NewValidating returns the plugin.
func NewValidating(deps Deps) *Validating {
	v := &Validating{Deps: deps}
	v.source = source{policies: resourceOf("validatingadmissionpolicies"), bindings: resourceOf("validatingadmissionpolicybindings"), read: v.read}
	return v
}

func (v *Validating) read(l admission.Lister) []*policy {
	bound := map[string][]*binding{}
	for _, b := range auth.List[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](l, v.source.bindings, "") {
		made := newBinding(b.Name, b.Spec.ParamRef, b.Spec.MatchResources)
		made.actions = b.Spec.ValidationActions
		bound[b.Spec.PolicyName] = append(bound[b.Spec.PolicyName], made)
	}
	return inUse(auth.List[*admissionregistrationv1.ValidatingAdmissionPolicy](l, v.source.policies, ""), bound, v.compile)
}

func (v *Validating) compile(p *admissionregistrationv1.ValidatingAdmissionPolicy) *policy {
	made, compiler := compile(v.Environments, spec{
		name: p.Name, params: p.Spec.ParamKind, constraints: p.Spec.MatchConstraints, conditions: p.Spec.MatchConditions,
		variables: p.Spec.Variables, failure: p.Spec.FailurePolicy,
	}, false)
	for i := range p.Spec.Validations {
		rule := &p.Spec.Validations[i]
		compiled := validation{rule: compiler.Compile(rule.Expression, cel.BoolType), message: rule.Message, reason: ptr.Deref(rule.Reason, metav1.StatusReasonInvalid)}
		if rule.MessageExpression != "" {
			compiled.messageExpression = compiler.Compile(rule.MessageExpression, cel.StringType)
		}
		made.validations = append(made.validations, compiled)
	}
	for _, annotation := range p.Spec.AuditAnnotations {
		made.audits = append(made.audits, audit{annotation.Key, compiler.Compile(annotation.ValueExpression, messageTypes()...)})
	}
	return made
}

// Validate implements admission.Validator.
func (v *Validating) Validate(ctx context.Context, a *admission.Attributes) error {
	policies := v.source.all(v.Matcher.Lister)
	if len(policies) == 0 || a.ConfiguresAdmission() {
		return nil
	}
	judgement := &judgement{a: a, namespace: v.namespace(ctx, a), deps: &v.Deps, published: map[string][]string{}}
	for _, p := range policies {
		applications, failures := v.applications(ctx, p, a)
		for _, f := range failures {
			judgement.fail(f)
		}
		for _, application := range applications {
			judgement.apply(ctx, application)
		}
	}
	return judgement.close()
}

// judgement collects what policies say of one write.
type judgement struct {
	a         *admission.Attributes
	deps      *Deps
	namespace func() (map[string]any, error)
	denials   []denial
	violated  []violation
	published map[string][]string // audit annotations
}

type denial struct {
	policy, binding, message string
	reason                   metav1.StatusReason
}

// violation is how a broken rule is written into the audit log.
type violation struct {
	Message           string                                     `json:"message,omitempty"`
	Policy            string                                     `json:"policy,omitempty"`
	Binding           string                                     `json:"binding,omitempty"`
	ExpressionIndex   int                                        `json:"expressionIndex"`
	ValidationActions []admissionregistrationv1.ValidationAction `json:"validationActions,omitempty"`
}

// fail takes a policy that cannot be applied for one that refuses, unless it says otherwise.
func (j *judgement) fail(f failure) {
	if f.policy.failOpen {
		return
	}
	if f.binding == nil {
		j.denials = append(j.denials, denial{policy: f.policy.name, message: "failed to configure policy: " + f.err.Error()})
		return
	}
	j.denials = append(j.denials, denial{policy: f.policy.name, binding: f.binding.name, message: "failed to configure binding: " + f.err.Error()})
}

// apply evaluates a policy with one parameter.
func (j *judgement) apply(ctx context.Context, app application) {
	app.since = time.Now()
	write, err := expression.NewWrite(j.a, app.target)
	if err != nil {
		j.fail(failure{app.policy, nil, err})
		return
	}
	namespace, err := j.namespace()
	if err != nil {
		j.fail(failure{app.policy, app.binding, err})
		return
	}
	input := expression.Input{Write: write, Params: app.params, Namespace: namespace, Authorizer: j.deps.Authorizer}
	if len(app.policy.conditions) > 0 {
		conditions := expression.NewEvaluation(ctx, input, nil, expression.ConditionsBudget)
		matched, err := app.policy.conditions.Match(conditions)
		if err != nil {
			j.broken(app, 0, err.Error(), "")
		}
		if err != nil || !matched {
			return
		}
	}
	evaluation := expression.NewEvaluation(ctx, input, app.policy.variables, expression.PolicyBudget)
	j.rules(evaluation, app)
	j.audit(evaluation, app)
}

func (j *judgement) rules(evaluation *expression.Evaluation, app application) {
	for i := range app.policy.validations {
		v := &app.policy.validations[i]
		value, err := evaluation.Evaluate(v.rule)
		switch {
		case errors.Is(err, expression.ErrBudget):
			j.broken(app, i, err.Error(), "")
			return
		case err != nil:
			j.broken(app, i, err.Error(), "")
		case value.Value() != true:
			j.deny(app, i, v.explain(evaluation), v.reason)
		}
	}
}

// broken is a rule that cannot be evaluated.
func (j *judgement) broken(app application, index int, message string, reason metav1.StatusReason) {
	if !app.policy.failOpen {
		j.deny(app, index, message, reason)
	}
}

const maxMessage = 5 * 1024

// explain is the message of a broken rule.
func (v *validation) explain(evaluation *expression.Evaluation) string {
	if v.messageExpression != nil {
		if value, err := evaluation.Evaluate(v.messageExpression); err == nil {
			text, ok := value.Value().(string)
			text = strings.TrimSpace(text)
			if ok && text != "" && len(text) <= maxMessage && !strings.Contains(text, "\n") {
				return text
			}
		}
	}
	if v.message != "" {
		return strings.TrimSpace(v.message)
	}
	return "failed expression: " + strings.TrimSpace(v.rule.Source)
}

// brokenRule is what the metrics call a rule that is broken, or cannot be evaluated.
const brokenRule = "invalid_error"

// deny does what the binding says is to be done about a broken rule.
func (j *judgement) deny(app application, index int, message string, reason metav1.StatusReason) {
	for _, action := range app.binding.actions {
		j.deps.Metrics.Policy(app.policy.name, app.binding.name, strings.ToLower(string(action)), brokenRule, app.since)
		switch action {
		case admissionregistrationv1.Deny:
			j.denials = append(j.denials, denial{app.policy.name, app.binding.name, message, reason})
		case admissionregistrationv1.Warn:
			j.a.Warning(fmt.Sprintf("Validation failed for ValidatingAdmissionPolicy '%s' with binding '%s': %s", app.policy.name, app.binding.name, message))
		case admissionregistrationv1.Audit:
			j.violated = append(j.violated, violation{message, app.policy.name, app.binding.name, index, app.binding.actions})
		}
	}
}

// maxAnnotation bounds the value of an audit annotation.
const maxAnnotation = 10 * 1024

func (j *judgement) audit(evaluation *expression.Evaluation, app application) {
	for _, annotation := range app.policy.audits {
		key := app.policy.name + "/" + annotation.key
		value, err := evaluation.Evaluate(annotation.value)
		if err != nil {
			if !app.policy.failOpen {
				j.denials = append(j.denials, denial{policy: app.policy.name, binding: app.binding.name, message: err.Error()})
			}
			continue
		}
		text, ok := value.Value().(string)
		if text = strings.TrimSpace(text); !ok || text == "" {
			continue
		}
		if len(text) > maxAnnotation {
			text = text[:maxAnnotation]
		}
		if !slices.Contains(j.published[key], text) {
			j.published[key] = append(j.published[key], text)
		}
	}
}

// close publishes what is to be audited and returns the first denial.
func (j *judgement) close() error {
	for key, values := range j.published {
		j.a.AuditAnnotation(key, strings.Join(values, ", "))
	}
	if len(j.violated) > 0 {
		data, err := json.Marshal(j.violated)
		if err != nil {
			return apierrors.NewInternalError(err)
		}
		j.a.AuditAnnotation("validation.policy.admission.k8s.io/validation_failure", string(data))
	}
	if len(j.denials) == 0 {
		return nil
	}
	return j.denials[0].status(j.a)
}

func (d *denial) status(a *admission.Attributes) error {
	message := fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", d.policy, d.binding, d.message)
	if d.binding == "" {
		message = fmt.Sprintf("ValidatingAdmissionPolicy '%s' denied request: %s", d.policy, d.message)
	}
	err := apierrors.NewForbidden(a.GroupResource(), a.ObjectName(), errors.New(message))
	reason := d.reason
	if reason == "" {
		reason = metav1.StatusReasonInvalid
	}
	err.ErrStatus.Reason, err.ErrStatus.Code = reason, code(reason)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Message: message})
	return err
}

func code(reason metav1.StatusReason) int32 {
	switch reason {
	case metav1.StatusReasonForbidden:
		return http.StatusForbidden
	case metav1.StatusReasonUnauthorized:
		return http.StatusUnauthorized
	case metav1.StatusReasonRequestEntityTooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusUnprocessableEntity
}
