package expand

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestSaysWhoExpands(t *testing.T) {
	size := func(s string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(s)}
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c", UID: "u"},
		Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "v", Resources: corev1.VolumeResourceRequirements{Requests: size("2Gi")}},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: size("1Gi")},
	}
	for _, c := range []struct {
		source corev1.PersistentVolumeSource
		want   string
	}{
		{corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{}}, "Normal ExternalExpanding waiting for an external controller to expand this PVC"},
		{corev1.PersistentVolumeSource{}, "Normal ExternalExpanding waiting for an external controller to expand this PVC"},
	} {
		volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: c.source, ClaimRef: &corev1.ObjectReference{UID: "u"},
		}}
		recorder := record.NewFakeRecorder(10)
		controller := &Controller{Client: fake.NewClientBuilder().WithObjects(volume).Build(), Recorder: recorder}
		if _, err := controller.Reconcile(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		if got := <-recorder.Events; got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	claim.Status.Capacity = size("2Gi")
	if grows(claim) {
		t.Error("a claim that has what it asks for grows")
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		claim := &corev1.PersistentVolumeClaim{}
		fill.Fill(claim)
		grows(claim)
	})
}
