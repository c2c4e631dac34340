package typecheck_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/typecheck"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

func policy(group, resource string, validations ...admissionregistrationv1.Validation) *admissionregistrationv1.ValidatingAdmissionPolicy {
	return &admissionregistrationv1.ValidatingAdmissionPolicy{Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{Rule: admissionregistrationv1.Rule{
				APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{resource},
			}},
		}}},
		Variables:   []admissionregistrationv1.Variable{{Name: "spec", Expression: "object.spec"}},
		Validations: validations,
	}}
}

func TestCheck(t *testing.T) {
	definition := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "crontabs.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "crontabs", Kind: "CronTab"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Schema: &apiextensionsv1.CustomResourceValidation{
				OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
					"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"replicas": {Type: "integer"}}},
				}},
			}}},
		},
	}
	checker := typecheck.Checker{
		Types: &typecheck.Served{Rows: apis.All(), Lister: authtest.New().Add("customresourcedefinitions.apiextensions.k8s.io", definition)},
	}
	rule := func(expression, message string) admissionregistrationv1.Validation {
		return admissionregistrationv1.Validation{Expression: expression, MessageExpression: message}
	}
	for name, test := range map[string]struct {
		policy *admissionregistrationv1.ValidatingAdmissionPolicy
		want   []admissionregistrationv1.ExpressionWarning
	}{
		"fine": {policy("apps", "deployments", rule("object.spec.replicas > 1 && object.metadata.name.startsWith('a') && variables.spec.replicas < 5", "'x' + object.metadata.labels['a']")), nil},
		"field": {policy("apps", "deployments", rule("object.foo > 1", "")), []admissionregistrationv1.ExpressionWarning{{
			FieldRef: "spec.validations[0].expression", Warning: "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'foo'\n | object.foo > 1\n | ......^\n",
		}}},
		"type": {policy("apps", "deployments", rule("object.spec.replicas > '1'", "object.spec.replicas")), []admissionregistrationv1.ExpressionWarning{{
			FieldRef: "spec.validations[0].expression", Warning: "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
		}, {
			FieldRef: "spec.validations[0].messageExpression", Warning: "apps/v1, Kind=Deployment: must evaluate to string but got int\n",
		}}},
		"custom": {policy("example.com", "crontabs", rule("object.spec.replicas > 1 && object.spec.none == 1", "")), []admissionregistrationv1.ExpressionWarning{{
			FieldRef: "spec.validations[0].expression", Warning: "example.com/v1, Kind=CronTab: ERROR: <input>:1:40: undefined field 'none'\n | object.spec.replicas > 1 && object.spec.none == 1\n | .......................................^\n",
		}}},
		"wildcard": {policy("*", "deployments", rule("object.foo", "")), nil},
		"unknown":  {policy("none.example.com", "nones", rule("object.foo", "")), nil},
	} {
		if diff := cmp.Diff(test.want, checker.Check(test.policy)); diff != "" {
			t.Errorf("%s: wanted (-), got (+):\n%s", name, diff)
		}
	}
}
