package noderestriction

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

func TestNodesExplainTheirOwnLocalVolumes(t *testing.T) {
	for reason, test := range map[string]struct {
		node, subresource string
		operation         admission.Operation
		change            func(*corev1.PersistentVolume)
		allowed           bool
	}{
		"its own":           {"boat", "status", admission.Update, func(v *corev1.PersistentVolume) { v.Status.Reason = "DataRemoved" }, true},
		"another's":         {"raft", "status", admission.Update, func(v *corev1.PersistentVolume) { v.Status.Reason = "DataRemoved" }, false},
		"the phase":         {"boat", "status", admission.Update, func(v *corev1.PersistentVolume) { v.Status.Phase = corev1.VolumeReleased }, false},
		"the specification": {"boat", "", admission.Update, func(v *corev1.PersistentVolume) { v.Spec.Local.Path = "/etc" }, false},
		"a new one":         {"boat", "", admission.Create, func(*corev1.PersistentVolume) {}, false},
	} {
		old := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v", Annotations: map[string]string{localNode: "boat"}}}
		old.Spec.Local = &corev1.LocalVolumeSource{Path: "/data/v"}
		changed := old.DeepCopy()
		test.change(changed)
		err := localVolume(test.node, &admission.Attributes{
			Resource: &resource.Resource{Name: "persistentvolumes"}, Subresource: test.subresource, Operation: test.operation, Object: changed, Old: old,
		})
		if (err == nil) != test.allowed {
			t.Errorf("%s: %v", reason, err)
		}
	}
}
