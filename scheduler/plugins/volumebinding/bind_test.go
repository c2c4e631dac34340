package volumebinding

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// chooses returns what is chosen for the first claim, and written.
func (f *fixture) chooses() *choice {
	f.Helper()
	cycle, refusal := f.filters("first")
	if refusal != "" {
		f.Fatal(refusal)
	}
	f.Reserve(f.Context(), cycle, nil, "n")
	c := chosen(cycle, "n")
	if err := f.write(f.Context(), c, "n"); err != nil {
		f.Fatal(err)
	}
	return c
}

func (f *fixture) change(o client.Object, change func()) {
	f.Helper()
	if err := f.api.Get(f.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		f.Fatal(err)
	}
	change()
	if err := f.api.Update(f.Context(), o); err != nil {
		f.Fatal(err)
	}
}

// What happens to claims and volumes while they are bound ends the attempt, in kube-scheduler's words. A volume that went or lost its claim was
// waited for, and one that the node cannot use was bound to the pod.
func TestClaimsAndVolumesThatVanishWhileTheyAreBound(t *testing.T) {
	claim := func() *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "first"}}
	}
	v := func() *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}}
	}
	goes := func(o client.Object) func(f *fixture) {
		return func(f *fixture) {
			if err := f.api.Delete(f.Context(), o); err != nil {
				f.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		reason, provisioner string
		happens             func(f *fixture)
		done                bool
		want                string
	}{
		{"nothing", noProvisioner, func(*fixture) {}, false, ""},
		{"a claim that is to be bound goes", noProvisioner, goes(claim()), false, `failed to check binding: persistentvolumeclaims "default/first" not found`},
		{"its volume goes", noProvisioner, goes(v()), false, `failed to check binding: persistentvolumes "v" not found`},
		{"its volume loses it", noProvisioner, func(f *fixture) {
			v := v()
			f.change(v, func() { v.Spec.ClaimRef = nil })
		}, false, `ClaimRef got reset for pv "v"`},
		{"a claim without a volume goes", "example.com/disks", goes(claim()), false, `failed to check provisioning pvc: persistentvolumeclaims "default/first" not found`},
		{"its volume is not shown yet", "example.com/disks", bound(""), false, ""},
		{"its volume is for its node", "example.com/disks", bound("n"), true, ""},
		{"its volume is for another node", "example.com/disks", bound("m"), false, `pv "made" node affinity doesn't match node "n": no matching NodeSelectorTerms`},
	} {
		f := newFixture(t, c.provisioner)
		chosen := f.chooses()
		c.happens(f)
		done, err := f.done(t.Context(), chosen, "n")
		if said := message(err); done != c.done || said != c.want {
			t.Errorf("%s: done %t, %q, want %q", c.reason, done, said, c.want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// bound binds the first claim to a volume that was made for a node; without one, the volume is not there yet.
func bound(node string) func(f *fixture) {
	return func(f *fixture) {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "first"}}
		f.change(claim, func() {
			claim.Spec.VolumeName = "made"
			metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnBindCompleted, "yes")
		})
		claim.Status.Phase = corev1.ClaimBound
		if err := f.api.Status().Update(f.Context(), claim); err != nil {
			f.Fatal(err)
		}
		if node == "" {
			return
		}
		made := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "made"}}
		made.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}},
		}}}
		if err := f.api.Create(f.Context(), made); err != nil {
			f.Fatal(err)
		}
	}
}

// A change of a volume wakes those who wait only when it has lost its claim.
func TestVolumesThatWakeABinding(t *testing.T) {
	f := newFixture(t, noProvisioner)
	if err := f.listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	free, kept := &corev1.PersistentVolume{}, &corev1.PersistentVolume{}
	kept.Spec.ClaimRef = &corev1.ObjectReference{Name: "first"}
	if !f.lost.Rings(kept, free) || f.lost.Rings(kept, kept) || f.lost.Rings(free, kept) || f.lost.Rings(free, free) {
		t.Error("it rings at another change")
	}
}
