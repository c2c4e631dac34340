package volumes

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// A policy of vSphere, over which the library stumbles, does not keep a pod's own volume from being known.
func TestInlineVolumeWithAPolicy(t *testing.T) {
	v := &corev1.Volume{Name: "v"}
	v.VsphereVolume = &corev1.VsphereVirtualDiskVolumeSource{VolumePath: "[ds] v", StoragePolicyName: "gold"}
	if got := Inline(v, "default"); got == nil || got.Driver != "csi.vsphere.vmware.com" || got.VolumeHandle != "[ds] v" {
		t.Errorf("%v", got)
	}
}
