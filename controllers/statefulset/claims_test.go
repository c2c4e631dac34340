package statefulset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestClaimOwnersFollowThePolicy(t *testing.T) {
	set, pod := metav1.OwnerReference{UID: "set"}, metav1.OwnerReference{UID: "pod"}
	other, foreign := metav1.OwnerReference{UID: "other"}, metav1.OwnerReference{UID: "foreign", Controller: ptr.To(true)}
	keep, remove := appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	for _, c := range []struct {
		why             string
		deleted, scaled appsv1.PersistentVolumeClaimRetentionPolicyType
		surplus         bool
		have, want      []metav1.OwnerReference
		another         bool
	}{
		{why: "goes with the set", deleted: remove, scaled: keep, have: []metav1.OwnerReference{other}, want: []metav1.OwnerReference{other, set}},
		{why: "no longer", deleted: keep, scaled: keep, have: []metav1.OwnerReference{set, other}, want: []metav1.OwnerReference{other}},
		{why: "is as it should be", deleted: remove, scaled: keep, have: []metav1.OwnerReference{set, other}, want: []metav1.OwnerReference{set, other}},
		{why: "goes with a surplus pod", deleted: remove, scaled: remove, surplus: true, have: []metav1.OwnerReference{set}, want: []metav1.OwnerReference{pod}},
		{why: "stays with one that is wanted again", deleted: keep, scaled: remove, have: []metav1.OwnerReference{pod}, want: []metav1.OwnerReference{}},
		{why: "stays after a surplus pod", deleted: keep, scaled: keep, surplus: true},
		{why: "is another's", deleted: remove, scaled: remove, have: []metav1.OwnerReference{foreign}, want: []metav1.OwnerReference{foreign}, another: true},
		{why: "is another's alone", deleted: keep, scaled: keep, have: []metav1.OwnerReference{set, foreign}, want: []metav1.OwnerReference{foreign}},
	} {
		with := appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: c.deleted, WhenScaled: c.scaled}
		got, another := claimOwners(c.have, set, pod, with, c.surplus)
		if another != c.another {
			t.Errorf("%s: another controls it: %t", c.why, another)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.why, diff)
		}
	}
}
