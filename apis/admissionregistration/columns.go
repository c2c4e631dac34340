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

func paramKind(k *admissionregistrationv1.ParamKind) string {
	if k == nil {
		return resource.Unset
	}
	return k.APIVersion + "/" + k.Kind
}
