package intree

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
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
	if moved, plugin := Moved(pv); moved == nil || moved.Spec.CSI.VolumeHandle != "vol-1" || plugin != "kubernetes.io/aws-ebs" {
		t.Errorf("a volume of EBS has moved from %s to %v", plugin, moved)
	}
	own := &corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{AWSElasticBlockStore: ebs}}
	if got := Inline(own, "default"); got == nil || got.Name != "ebs.csi.aws.com-vol-1" || got.Spec.CSI.VolumeHandle != "vol-1" {
		t.Errorf("a pod's own volume of EBS is %v", got)
	}
	if Volume(&corev1.PersistentVolume{}) != nil || Inline(&corev1.Volume{}, "default") != nil {
		t.Error("what is nothing is something")
	}
}

// The policy of a pod's own volume of vSphere is told to its driver.
func TestPolicyOfAPodsOwnVolume(t *testing.T) {
	disk := &corev1.VsphereVirtualDiskVolumeSource{VolumePath: "[ds] v", StoragePolicyName: "gold"}
	got := Inline(&corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{VsphereVolume: disk}}, "default")
	if got == nil || got.Spec.CSI.VolumeHandle != "[ds] v" || got.Spec.CSI.VolumeAttributes["storagepolicyname"] != "gold" || disk.StoragePolicyName != "gold" {
		t.Errorf("%v", got)
	}
}
