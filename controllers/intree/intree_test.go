package intree

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestDriversThatTookOver(t *testing.T) {
	for plugin, want := range map[string]string{"kubernetes.io/aws-ebs": "ebs.csi.aws.com", "kubernetes.io/gce-pd": "pd.csi.storage.gke.io", "kubernetes.io/host-path": "", "ebs.csi.aws.com": "", "": ""} {
		if got := Driver(plugin); got != want {
			t.Errorf("%s is %q, want %q", plugin, got, want)
		}
	}
	ebs := &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-1"}
	pv := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{AWSElasticBlockStore: ebs}}}
	if got := Volume(pv); got == nil || got.Driver != "ebs.csi.aws.com" || got.VolumeHandle != "vol-1" || pv.Spec.CSI != nil {
		t.Errorf("a volume of EBS is %v", got)
	}
	if Volume(&corev1.PersistentVolume{}) != nil {
		t.Error("what is nothing is something")
	}
}

// Nothing that is stored makes it fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		pv := &corev1.PersistentVolume{}
		fill.Fill(pv)
		Volume(pv)
	})
}
