package policy

import (
	"errors"
	"strings"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
)

// Check finds the expressions of policies and webhook configurations that do not compile. What was stored once may stay.
type Check struct{ Environments *expression.Environments }

// Errors are what is wrong with the expressions of an object that is written, beside what its row finds; old is nil for a new one.
func (c *Check) Errors(object, old resource.Object) field.ErrorList {
	var errs field.ErrorList
	switch obj := object.(type) {
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		if old, ok := old.(*admissionregistrationv1.ValidatingAdmissionPolicy); !ok || !equality.Semantic.DeepEqual(old.Spec, obj.Spec) {
			errs = c.validating(&obj.Spec)
		}
	case *admissionregistrationv1.MutatingAdmissionPolicy:
		if old, ok := old.(*admissionregistrationv1.MutatingAdmissionPolicy); !ok || !equality.Semantic.DeepEqual(old.Spec, obj.Spec) {
			errs = c.mutating(&obj.Spec)
		}
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		if old, ok := old.(*admissionregistrationv1.ValidatingWebhookConfiguration); !ok || !equality.Semantic.DeepEqual(old.Webhooks, obj.Webhooks) {
			for i := range obj.Webhooks {
				errs = append(errs, c.webhook(i, obj.Webhooks[i].MatchConditions)...)
			}
		}
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		if old, ok := old.(*admissionregistrationv1.MutatingWebhookConfiguration); !ok || !equality.Semantic.DeepEqual(old.Webhooks, obj.Webhooks) {
			for i := range obj.Webhooks {
				errs = append(errs, c.webhook(i, obj.Webhooks[i].MatchConditions)...)
			}
		}
	}
	return errs
}

func (c *Check) webhook(index int, conditions []admissionregistrationv1.MatchCondition) field.ErrorList {
	if len(conditions) == 0 {
		return nil
	}
	compiler := c.Environments.Compiler(expression.Scope{Namespace: true, Authorizer: true})
	return checkConditions(compiler, conditions, field.NewPath("webhooks").Index(index).Child("matchConditions"))
}

func checkConditions(compiler *expression.Compiler, conditions []admissionregistrationv1.MatchCondition, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range conditions {
		errs = append(errs, check(compiler, conditions[i].Expression, path.Index(i).Child("expression"), cel.BoolType)...)
	}
	return errs
}

func checkVariables(compiler *expression.Compiler, variables []admissionregistrationv1.Variable, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, v := range variables {
		if v.Name == "" || blank(v.Expression) { // which is said elsewhere; what needs it misses it
			compiler.Declare()
			continue
		}
		errs = append(errs, wrong(compiler.Variable(v.Name, v.Expression), path.Index(i).Child("expression"))...)
	}
	return errs
}

func (c *Check) validating(s *admissionregistrationv1.ValidatingAdmissionPolicySpec) field.ErrorList {
	path := field.NewPath("spec")
	compiler := c.Environments.Compiler(expression.Scope{Namespace: true, Params: s.ParamKind != nil, Authorizer: true})
	errs := checkConditions(compiler, s.MatchConditions, path.Child("matchConditions"))
	errs = append(errs, checkVariables(compiler, s.Variables, path.Child("variables"))...)
	for i := range s.Validations {
		at := path.Child("validations").Index(i)
		errs = append(errs, check(compiler, s.Validations[i].Expression, at.Child("expression"), cel.BoolType)...)
		errs = append(errs, check(compiler, s.Validations[i].MessageExpression, at.Child("messageExpression"), cel.StringType)...)
	}
	for i := range s.AuditAnnotations {
		at := path.Child("auditAnnotations").Index(i).Child("valueExpression")
		errs = append(errs, check(compiler, s.AuditAnnotations[i].ValueExpression, at, messageTypes()...)...)
	}
	return errs
}

func (c *Check) mutating(s *admissionregistrationv1.MutatingAdmissionPolicySpec) field.ErrorList {
	path := field.NewPath("spec")
	compiler := c.Environments.Compiler(expression.Scope{Namespace: true, Params: s.ParamKind != nil, Authorizer: true, Patches: true})
	errs := checkConditions(compiler, s.MatchConditions, path.Child("matchConditions"))
	compiler.Declare() // what changes something may always refer to variables, what judges only where there are any
	errs = append(errs, checkVariables(compiler, s.Variables, path.Child("variables"))...)
	for i := range s.Mutations {
		m, at := &s.Mutations[i], path.Child("mutations").Index(i)
		if m.PatchType == admissionregistrationv1.PatchTypeApplyConfiguration && m.ApplyConfiguration != nil {
			errs = append(errs, check(compiler, m.ApplyConfiguration.Expression, at.Child("applyConfiguration", "expression"), expression.ObjectType())...)
		}
		if m.PatchType == admissionregistrationv1.PatchTypeJSONPatch && m.JSONPatch != nil {
			errs = append(errs, check(compiler, m.JSONPatch.Expression, at.Child("jsonPatch", "expression"), expression.PatchType())...)
		}
	}
	return errs
}

// check compiles an expression, unless there is none, and says what is wrong with it.
func check(compiler *expression.Compiler, text string, path *field.Path, kinds ...*cel.Type) field.ErrorList {
	if blank(text) {
		return nil
	}
	return wrong(compiler.Compile(text, kinds...), path)
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// wrong says of a compiled expression what is wrong with it.
func wrong(p *expression.Program, path *field.Path) field.ErrorList {
	if p.Wrong == nil {
		return nil
	}
	var refusal *apiservercel.Error
	if errors.As(p.Wrong, &refusal) && refusal.Type != apiservercel.ErrorTypeInternal {
		return field.ErrorList{field.Invalid(path, p.Source, refusal.Detail)}
	}
	return field.ErrorList{field.InternalError(path, p.Wrong)}
}
