package namespace

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored, and nothing that is discovered, makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		namespace := &corev1.Namespace{}
		fill.Fill(namespace)
		served := fuzzing.List[metav1.APIResourceList](fill, 3)
		verbs := metav1.Verbs{"delete", "deletecollection", "list"}
		served = append(served, &metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "configmaps", Kind: "ConfigMap", Namespaced: true, Verbs: verbs}, {Name: "pods", Kind: "Pod", Namespaced: true, Verbs: verbs[:1]},
		}})
		api := fill.NewClient(clientgoscheme.Scheme)
		c := &Controller{
			Client: api, Live: api, Discovery: &preferred{&fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{Resources: served}}},
			Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()),
		}
		_, _ = c.Reconcile(t.Context(), namespace)
		now := metav1.NewTime(fuzzing.Now())
		namespace.DeletionTimestamp, namespace.Spec.Finalizers = &now, append(namespace.Spec.Finalizers, corev1.FinalizerKubernetes)
		_, _ = c.Reconcile(t.Context(), namespace)
	})
}
