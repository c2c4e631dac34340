package namespace

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// What pods lean on stays until they are gone (KEP-5080), the policies of their network above all (CVE-2024-7598).
func TestPodsGoFirst(t *testing.T) {
	ctx := context.Background()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p", Finalizers: []string{"example.com/held"}}}
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "c"}}
	live := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(pod, settings).Build()
	verbs := metav1.Verbs{"delete", "deletecollection", "list"}
	found := &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{Resources: []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "configmaps", Kind: "ConfigMap", Namespaced: true, Verbs: verbs}, {Name: "pods", Kind: "Pod", Namespaced: true, Verbs: verbs},
	}}}}}
	c := &Controller{Client: live, Live: live, Discovery: &preferred{found}}

	left := c.empty(ctx, "n")
	if err := left.err(); err != nil || left.counts[pods] != 1 || left.finalizers["example.com/held"] != 1 {
		t.Fatalf("left %v, held by %v, %v", left.counts, left.finalizers, err)
	}
	if err := live.Get(ctx, client.ObjectKeyFromObject(settings), settings); err != nil {
		t.Errorf("the config map went before the pod: %v", err)
	}
	if err := live.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil || pod.DeletionTimestamp == nil {
		t.Fatalf("the pod is not being deleted: %v", err)
	}
	pod.Finalizers = nil
	if err := live.Update(ctx, pod); err != nil {
		t.Fatal(err)
	}
	if left = c.empty(ctx, "n"); left.err() != nil || left.remaining() != 0 {
		t.Errorf("left %v, %v", left.counts, left.err())
	}
	if err := live.Get(ctx, client.ObjectKeyFromObject(settings), settings); !apierrors.IsNotFound(err) {
		t.Errorf("the config map is still there: %v", err)
	}
}

// preferred answers what the fake does not implement.
type preferred struct{ *fakediscovery.FakeDiscovery }

func (p *preferred) ServerPreferredNamespacedResources() ([]*metav1.APIResourceList, error) {
	return p.Resources, nil
}
