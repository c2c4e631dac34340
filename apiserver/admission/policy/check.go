package policy

import (
	"context"
	"errors"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
)

// Check refuses policies and webhook configurations whose expressions do not compile. What was stored once may stay.
type Check struct{ Environments *expression.Environments }

// Validate implements admission.Validator.
func (c *Check) Validate(_ context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create && a.Operation != admission.Update || a.Subresource != "" || !a.ConfiguresAdmission() {
		return nil
	}
	var errs field.ErrorList
	switch obj := a.Object.(type) {
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		if old, ok := a.Old.(*admissionregistrationv1.ValidatingAdmissionPolicy); !ok || !equality.Semantic.DeepEqual(old.Spec, obj.Spec) {
			errs = c.validating(&obj.Spec)
		}
	case *admissionregistrationv1.MutatingAdmissionPolicy:
		if old, ok := a.Old.(*admissionregistrationv1.MutatingAdmissionPolicy); !ok || !equality.Semantic.DeepEqual(old.Spec, obj.Spec) {
			errs = c.mutating(&obj.Spec)
		}
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		if old, ok := a.Old.(*admissionregistrationv1.ValidatingWebhookConfiguration); !ok || !equality.Semantic.DeepEqual(old.Webhooks, obj.Webhooks) {
			for i := range obj.Webhooks {
				errs = append(errs, c.webhook(i, obj.Webhooks[i].MatchConditions)...)
			}
		}
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		if old, ok := a.Old.(*admissionregistrationv1.MutatingWebhookConfiguration); !ok || !equality.Semantic.DeepEqual(old.Webhooks, obj.Webhooks) {
			for i := range obj.Webhooks {
				errs = append(errs, c.webhook(i, obj.Webhooks[i].MatchConditions)...)
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: a.Resource.Group, Kind: a.Resource.Kind}, a.ObjectName(), errs)
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
		errs = append(errs, check(compiler.Compile(conditions[i].Expression, cel.BoolType), path.Index(i).Child("expression"))...)
	}
	return errs
}

func checkVariables(compiler *expression.Compiler, variables []admissionregistrationv1.Variable, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range variables {
		errs = append(errs, check(compiler.Variable(variables[i].Name, variables[i].Expression), path.Index(i).Child("expression"))...)
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
		errs = append(errs, check(compiler.Compile(s.Validations[i].Expression, cel.BoolType), at.Child("expression"))...)
		if text := s.Validations[i].MessageExpression; text != "" {
			errs = append(errs, check(compiler.Compile(text, cel.StringType), at.Child("messageExpression"))...)
		}
	}
	for i := range s.AuditAnnotations {
		at := path.Child("auditAnnotations").Index(i).Child("valueExpression")
		errs = append(errs, check(compiler.Compile(s.AuditAnnotations[i].ValueExpression, messageTypes()...), at)...)
	}
	return errs
}

func (c *Check) mutating(s *admissionregistrationv1.MutatingAdmissionPolicySpec) field.ErrorList {
	path := field.NewPath("spec")
	compiler := c.Environments.Compiler(expression.Scope{Namespace: true, Params: s.ParamKind != nil, Authorizer: true, Patches: true})
	errs := checkConditions(compiler, s.MatchConditions, path.Child("matchConditions"))
	errs = append(errs, checkVariables(compiler, s.Variables, path.Child("variables"))...)
	for i := range s.Mutations {
		m, at := &s.Mutations[i], path.Child("mutations").Index(i)
		if m.ApplyConfiguration != nil {
			errs = append(errs, check(compiler.Compile(m.ApplyConfiguration.Expression, expression.ObjectType()), at.Child("applyConfiguration", "expression"))...)
		}
		if m.JSONPatch != nil {
			errs = append(errs, check(compiler.Compile(m.JSONPatch.Expression, expression.PatchType()), at.Child("jsonPatch", "expression"))...)
		}
	}
	return errs
}

// check says of a compiled expression what is wrong with it.
func check(p *expression.Program, path *field.Path) field.ErrorList {
	if p.Wrong == nil {
		return nil
	}
	var refusal *apiservercel.Error
	if errors.As(p.Wrong, &refusal) && refusal.Type != apiservercel.ErrorTypeInternal {
		return field.ErrorList{field.Invalid(path, p.Source, refusal.Detail)}
	}
	return field.ErrorList{field.InternalError(path, p.Wrong)}
}
