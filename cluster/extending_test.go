package cluster

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What extends the API is looked after in a control plane without a node: policies are checked, group versions have APIServices, and
// other servers are told how to know this one.
func TestExtending(t *testing.T) {
	options := alone(t.TempDir())
	options.Disable = []string{Agent, Scheduler}
	_, c := started(t, options)
	ctx := t.Context()

	config := &corev1.ConfigMap{}
	if err := c.Get(ctx, types.NamespacedName{Namespace: "kube-system", Name: "extension-apiserver-authentication"}, config); err != nil || config.Data["requestheader-client-ca-file"] == "" {
		t.Errorf("how other servers know this one: %v %v", config.Data, err)
	}
	service := &apiregistrationv1.APIService{}
	if err := c.Get(ctx, types.NamespacedName{Name: "v1.apps"}, service); err != nil || service.Spec.GroupPriorityMinimum != 17800 {
		t.Errorf("APIService of apps: %v %v", service.Spec, err)
	}

	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{
				Operations: []admissionregistrationv1.OperationType{"CREATE"},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
			},
		}}},
		Validations: []admissionregistrationv1.Validation{{Expression: "object.nothing == 1"}},
	}}
	if err := c.Create(ctx, policy); err != nil {
		t.Fatal(err)
	}
	await(t, "the check of the policy's types", func() bool {
		return c.Get(ctx, client.ObjectKeyFromObject(policy), policy) == nil && policy.Status.ObservedGeneration == 1 &&
			len(policy.Status.TypeChecking.ExpressionWarnings) == 1
	})

	preserve := true
	definition := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "tabs.example.com"}, Spec: apiextensionsv1.CustomResourceDefinitionSpec{
		Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
		Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "tabs", Singular: "tab", Kind: "Tab", ListKind: "TabList"},
		Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{
			OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve},
		}}},
	}}
	if err := c.Create(ctx, definition); err != nil {
		t.Fatal(err)
	}
	await(t, "an APIService for the custom resource", func() bool {
		return c.Get(ctx, types.NamespacedName{Name: "v1.example.com"}, service) == nil && service.Spec.VersionPriority == 100
	})
	if err := c.Delete(ctx, definition); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the APIService", func() bool {
		return c.Get(ctx, types.NamespacedName{Name: "v1.example.com"}, service) != nil
	})
}
