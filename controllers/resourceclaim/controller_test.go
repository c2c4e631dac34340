package resourceclaim

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func api(objects ...client.Object) client.Client {
	return fake.NewClientBuilder().WithObjects(objects...).WithStatusSubresource(&corev1.Pod{}, &resourcev1.ResourceClaim{}).Build()
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}
}

func templated() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: meta("p"), Spec: corev1.PodSpec{ResourceClaims: []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("t")}}}}
}

func template() *resourcev1.ResourceClaimTemplate {
	return &resourcev1.ResourceClaimTemplate{ObjectMeta: meta("t"), Spec: resourcev1.ResourceClaimTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"kind": "gpu"}},
		Spec:       resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{Name: "one"}}}},
	}}
}

func list(t *testing.T, c client.Client) []resourcev1.ResourceClaim {
	t.Helper()
	claims := &resourcev1.ResourceClaimList{}
	if err := c.List(t.Context(), claims); err != nil {
		t.Fatal(err)
	}
	return claims.Items
}

func TestMakesTheClaim(t *testing.T) {
	c := api(templated(), template())
	registry := prometheus.NewRegistry()
	registry.MustRegister(present{c})
	pods := &Pods{Client: c, Live: c, Recorder: record.NewFakeRecorder(10), metrics: newMetrics(registry)}
	pod := &corev1.Pod{}
	for range 3 { // once is enough, also for one that the status does not show yet
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(templated()), pod); err != nil {
			t.Fatal(err)
		}
		if _, err := pods.Reconcile(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		lost := pod.DeepCopy()
		lost.Status.ResourceClaimStatuses = nil
		if name, err := pods.ensure(t.Context(), lost, &pod.Spec.ResourceClaims[0]); err != nil || !strings.HasPrefix(name, "p-gpu-") {
			t.Errorf("the claim is %q: %v", name, err)
		}
	}
	claims := list(t, c)
	if len(claims) != 1 || !metav1.IsControlledBy(&claims[0], pod) || claims[0].Annotations[resourcev1.PodResourceClaimAnnotation] != "gpu" ||
		claims[0].Labels["kind"] != "gpu" || len(claims[0].Spec.Devices.Requests) != 1 {
		t.Fatalf("the claims are %+v", claims)
	}
	if s := pod.Status.ResourceClaimStatuses; len(s) != 1 || s[0].Name != "gpu" || *s[0].ResourceClaimName != claims[0].Name {
		t.Errorf("the pod's status says %+v", s)
	}
	all := fuzzing.Metrics(t, registry)
	if made, there := all["resourceclaim_controller_creates_total{false,success}"], all["resourceclaim_controller_resource_claims{false,false,resource_claim_template}"]; made != 1 || there != 1 {
		t.Errorf("%v made, %v there, want 1 and 1", made, there)
	}
}

func TestSaysThatTheTemplateIsMissing(t *testing.T) {
	c, recorder := api(templated()), record.NewFakeRecorder(10)
	if _, err := (&Pods{Client: c, Live: c, Recorder: recorder}).Reconcile(t.Context(), templated()); err != nil {
		t.Error("nothing is to be tried again before the template comes:", err)
	}
	if event := <-recorder.Events; !strings.HasPrefix(event, `Warning FailedResourceClaimCreation PodResourceClaim gpu: resource claim template "t":`) {
		t.Error(event)
	}
}

// reserved is a claim with devices, for pods of these UIDs, which are their names.
func reserved(pods ...string) *resourcev1.ResourceClaim {
	claim := &resourcev1.ResourceClaim{ObjectMeta: meta("c"), Status: resourcev1.ResourceClaimStatus{Allocation: &resourcev1.AllocationResult{}}}
	claim.Finalizers = []string{resourcev1.Finalizer}
	for _, pod := range pods {
		claim.Status.ReservedFor = append(claim.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod, UID: types.UID(pod)})
	}
	return claim
}

func TestEndsReservations(t *testing.T) {
	running, done := &corev1.Pod{ObjectMeta: meta("running")}, &corev1.Pod{ObjectMeta: meta("done"), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}
	for _, c := range []struct {
		name      string
		claim     *resourcev1.ResourceClaim
		kept      []string
		allocated bool
	}{
		{"of a pod that is gone", reserved("gone"), nil, false},
		{"of a pod that has finished", reserved("done"), nil, false},
		{"not of one that runs", reserved("running"), []string{"running"}, true},
		{"one of several", reserved("running", "done", "gone"), []string{"running"}, true},
		{"none that there never was", reserved(), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := api(c.claim, running, done)
			claim := &list(t, store)[0]
			if _, err := (&Claims{Client: store, Live: store}).Reconcile(t.Context(), claim); err != nil {
				t.Fatal(err)
			}
			now := list(t, store)[0]
			var kept []string
			for _, user := range now.Status.ReservedFor {
				kept = append(kept, user.Name)
			}
			if !slices.Equal(kept, c.kept) || (now.Status.Allocation != nil) != c.allocated || slices.Contains(now.Finalizers, resourcev1.Finalizer) != c.allocated {
				t.Errorf("kept for %q: %+v", kept, now)
			}
		})
	}
}

func TestClaimOfAFinishedPodGoes(t *testing.T) {
	done := &corev1.Pod{ObjectMeta: meta("done"), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}
	claim := reserved("done")
	claim.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(done, corev1.SchemeGroupVersion.WithKind("Pod"))}
	store := api(claim, done)
	if _, err := (&Claims{Client: store, Live: store}).Reconcile(t.Context(), &list(t, store)[0]); err != nil {
		t.Fatal(err)
	}
	if left := list(t, store); len(left) > 0 {
		t.Errorf("the claim is still there: %+v", left)
	}
}

// The scheduler makes a claim for extended resources, which the pod's status names and its spec does not.
func TestPodsWakeTheClaimsOfTheirExtendedResources(t *testing.T) {
	pod := templated()
	pod.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: ptr.To("p-gpu-1")}}
	pod.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "p-extended-resources-1"}
	var names []string
	for _, request := range ofPod(t.Context(), pod) {
		names = append(names, request.Name)
	}
	if want := []string{"p-extended-resources-1", "p-gpu-1"}; !slices.Equal(names, want) {
		t.Errorf("wakes %q, want %q", names, want)
	}
}

func TestAnyObject(t *testing.T) {
	c := api()
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		pod, claim, template := &corev1.Pod{}, &resourcev1.ResourceClaim{}, &resourcev1.ResourceClaimTemplate{}
		fill.Fill(pod)
		fill.Fill(claim)
		fill.Fill(template)
		ofPod(t.Context(), pod)
		claimFor(pod, "x", template)
		_, _ = (&Claims{Client: c, Live: c}).Reconcile(t.Context(), claim)
		_, _ = (&Pods{Client: c, Live: c, Recorder: record.NewFakeRecorder(1000)}).Reconcile(t.Context(), pod)
	})
}
