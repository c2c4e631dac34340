package ephemeralvolume

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func pod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u"}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{
		{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"kind": "scratch"}},
		}}}},
	}}}
}

func TestMakesTheClaim(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	registry := prometheus.NewRegistry()
	c := &Controller{Client: api, Recorder: record.NewFakeRecorder(10), metrics: newMetrics(registry)}
	for range 2 { // the second time there is nothing to do
		if _, err := c.Reconcile(t.Context(), pod()); err != nil {
			t.Fatal(err)
		}
	}
	var claim corev1.PersistentVolumeClaim
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "p-scratch"}, &claim); err != nil {
		t.Fatal(err)
	}
	if claim.Labels["kind"] != "scratch" || !metav1.IsControlledBy(&claim, pod()) {
		t.Errorf("the claim is %+v", claim.ObjectMeta)
	}
	all := fuzzing.Metrics(t, registry)
	if asked, failed := all["ephemeral_volume_controller_create_total"], all["ephemeral_volume_controller_create_failures_total"]; asked != 1 || failed != 0 {
		t.Errorf("%v requests, %v failed, want 1 and 0", asked, failed)
	}
}

// A claim of that name that is somebody else's stays as it is, and the pod is told.
func TestStrangersClaim(t *testing.T) {
	api := fake.NewClientBuilder().WithObjects(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p-scratch"}}).Build()
	recorder := record.NewFakeRecorder(10)
	c := &Controller{Client: api, Recorder: recorder}
	if _, err := c.Reconcile(t.Context(), pod()); err == nil {
		t.Error("a claim of somebody else is taken for the pod's")
	}
	want := "Warning FailedBinding ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p (pod is not owner)"
	if got := <-recorder.Events; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		p := &corev1.Pod{}
		fill.Fill(p)
		hasEphemeral(p)
		for i := range p.Spec.Volumes {
			if volume := &p.Spec.Volumes[i]; volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
				claimFor(p, volume)
			}
		}
	})
}
