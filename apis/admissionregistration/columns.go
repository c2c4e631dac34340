package admissionregistration

import (
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func webhookColumns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "Webhooks:integer", "Age")
}

func bindingColumns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "PolicyName", "ParamRef", "Age")
}

func mutatingWebhookCells(c *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time) []any {
	return []any{c.Name, int64(len(c.Webhooks)), resource.AgeOf(c, now)}
}

func validatingWebhookCells(c *admissionregistrationv1.ValidatingWebhookConfiguration, now time.Time) []any {
	return []any{c.Name, int64(len(c.Webhooks)), resource.AgeOf(c, now)}
}

func mutatingPolicyCells(p *admissionregistrationv1.MutatingAdmissionPolicy, now time.Time) []any {
	return []any{p.Name, int64(len(p.Spec.Mutations)), paramKind(p.Spec.ParamKind), resource.AgeOf(p, now)}
}

func validatingPolicyCells(p *admissionregistrationv1.ValidatingAdmissionPolicy, now time.Time) []any {
	return []any{p.Name, int64(len(p.Spec.Validations)), paramKind(p.Spec.ParamKind), resource.AgeOf(p, now)}
}

func mutatingBindingCells(b *admissionregistrationv1.MutatingAdmissionPolicyBinding, now time.Time) []any {
	return []any{b.Name, b.Spec.PolicyName, paramRef(b.Spec.ParamRef), resource.AgeOf(b, now)}
}

func validatingBindingCells(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding, now time.Time) []any {
	return []any{b.Name, b.Spec.PolicyName, paramRef(b.Spec.ParamRef), resource.AgeOf(b, now)}
}

func paramKind(k *admissionregistrationv1.ParamKind) string {
	if k == nil {
		return resource.Unset
	}
	return k.APIVersion + "/" + k.Kind
}

func paramRef(r *admissionregistrationv1.ParamRef) string {
	switch {
	case r == nil:
		return resource.Unset
	case r.Selector != nil:
		return r.Selector.String()
	case r.Namespace != "":
		return r.Namespace + "/" + r.Name
	}
	return "*/" + r.Name
}
