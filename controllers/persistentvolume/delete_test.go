package persistentvolume

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// doomed is a volume of a folder whose claim is gone.
func doomed(path string) *corev1.PersistentVolume {
	v := released("1Gi")
	v.Spec.PersistentVolumeReclaimPolicy, v.Spec.HostPath.Path = corev1.PersistentVolumeReclaimDelete, path
	return v
}

// folder makes a folder with a file in it where volumes may be deleted.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(deletable, "volume-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "data"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A volume of hostPath goes with its claim, and what is in it: it was said to have failed, and stayed.
func TestHostPathVolumeIsDeletedWithItsClaim(t *testing.T) {
	provisioned := func(v *corev1.PersistentVolume) *corev1.PersistentVolume {
		v.Annotations = map[string]string{volume.AnnDynamicallyProvisioned: "kubernetes.io/host-path"}
		return v
	}
	dir, other := folder(t), folder(t)
	for _, v := range []*corev1.PersistentVolume{doomed(dir), provisioned(doomed(other)), doomed(filepath.Join(dir, "nothing"))} {
		f := newFixture(t, v)
		if events := f.settles(); f.state() != "" || len(events) > 0 {
			t.Errorf("%s: %s, %q", v.Spec.HostPath.Path, f.state(), events)
		}
		if _, err := os.Lstat(v.Spec.HostPath.Path); !os.IsNotExist(err) {
			t.Errorf("the folder is still there: %v", err)
		}
	}
}

// What a cache shows of a volume may be over, and what is removed does not come back: the data of one that was kept in the meantime was removed.
func TestVolumeThatHasChangedIsNotReclaimed(t *testing.T) {
	for _, c := range []struct {
		reason string
		policy corev1.PersistentVolumeReclaimPolicy
		change func(v *corev1.PersistentVolume)
	}{
		{"kept, not deleted", corev1.PersistentVolumeReclaimDelete, func(v *corev1.PersistentVolume) { v.Spec.PersistentVolumeReclaimPolicy = "Retain" }},
		{"of another claim, not deleted", corev1.PersistentVolumeReclaimDelete, func(v *corev1.PersistentVolume) { v.Spec.ClaimRef.Name = "other" }},
		{"kept, not emptied", corev1.PersistentVolumeReclaimRecycle, func(v *corev1.PersistentVolume) { v.Spec.PersistentVolumeReclaimPolicy = "Retain" }},
	} {
		volume := doomed(folder(t))
		volume.Spec.PersistentVolumeReclaimPolicy, volume.Status.Phase = c.policy, corev1.VolumeReleased
		f := newFixture(t, volume)
		shown := &corev1.PersistentVolume{}
		if err := f.client.Get(t.Context(), client.ObjectKey{Name: "v"}, shown); err != nil {
			t.Fatal(err)
		}
		now := shown.DeepCopy()
		c.change(now)
		if err := f.client.Update(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Volumes{&f.binder}).Reconcile(t.Context(), shown); err != nil {
			t.Errorf("%s: %v", c.reason, err)
		}
		var pods corev1.PodList
		if err := f.client.List(t.Context(), &pods); err != nil || len(pods.Items) > 0 {
			t.Errorf("%s: %d pods empty it, %v", c.reason, len(pods.Items), err)
		}
		if _, err := os.Lstat(filepath.Join(shown.Spec.HostPath.Path, "data")); err != nil || f.state() == "" {
			t.Errorf("%s: %q, data: %v", c.reason, f.state(), err)
		}
	}
}

// Outside of /tmp nothing is removed, also where a link leads there.
func TestNothingElseIsDeleted(t *testing.T) {
	outside, err := os.MkdirTemp("/var/tmp", "volume-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(outside) })
	data := filepath.Join(outside, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	refused := "Warning VolumeFailedDelete host_path deleter only supports /tmp/.+ but received provided "
	for path, want := range map[string]string{
		outside: refused + outside, "/tmp": refused + "/tmp", "/tmp/": refused + "/tmp/", "/": refused + "/", "/tmp/../var": refused + "/tmp/../var", "/opt/tmp/x": refused + "/opt/tmp/x",
		dir + "/link/data": "Warning VolumeFailedDelete unlinkat " + dir + "/link/data: path escapes from parent",
	} {
		f := newFixture(t, doomed(path))
		if events := f.settles(); f.state() != "volume v Failed gone" || len(events) != 1 || events[0] != want {
			t.Errorf("%s: %s, %q", path, f.state(), events)
		}
	}
	if _, err := os.Lstat(data); err != nil {
		t.Error(err)
	}
}

// A folder that could not be removed is tried again after a while, and what was wrong is said once.
func TestDeletingIsTriedAgain(t *testing.T) {
	dir := folder(t)
	f := newFixture(t, doomed(dir+"/data/folder"))
	want := []string{"Warning VolumeFailedDelete unlinkat " + dir + "/data/folder: not a directory"}
	if events := f.settles(); f.state() != "volume v Failed gone" || !slices.Equal(events, want) {
		t.Fatalf("%s, %q", f.state(), events)
	}
	if err := os.Remove(dir + "/data"); err != nil {
		t.Fatal(err)
	}
	f.now.SetTime(f.now.Now().Add(14 * time.Second))
	if events := f.settles(); f.state() != "volume v Failed gone" || len(events) > 0 {
		t.Errorf("%s, %q", f.state(), events)
	}
	f.now.SetTime(f.now.Now().Add(time.Second))
	if events := f.settles(); f.state() != "" || len(events) > 0 {
		t.Errorf("%s, %q", f.state(), events)
	}
}

// Who deletes a volume is who provisioned it, by the annotation; the words are kube-controller-manager's.
func TestWhyAVolumeIsNotDeleted(t *testing.T) {
	hostPath := corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/tmp/v"}}
	nfs := corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "s", Path: "/v"}}
	csi := corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "disks.example.com", VolumeHandle: "h"}}
	for _, c := range []struct {
		source corev1.PersistentVolumeSource
		by     string
		want   string
	}{
		{nfs, "", `error getting deleter volume plugin for volume "v": no deletable volume plugin matched`},
		{corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/v"}}, "", `error getting deleter volume plugin for volume "v": no volume plugin matched`},
		{corev1.PersistentVolumeSource{FC: &corev1.FCVolumeSource{}}, "", `error getting deleter volume plugin for volume "v": no volume plugin matched`},
		{nfs, "kubernetes.io/host-path", `failed to create deleter for volume "v": spec.PersistentVolumeSource.HostPath is nil`},
		{hostPath, "kubernetes.io/nfs", "no deletable volume plugin matched"},
		{hostPath, "kubernetes.io/no-provisioner", "no volume plugin matched name: kubernetes.io/no-provisioner"},
		{csi, "kubernetes.io/disks", "no volume plugin matched name: kubernetes.io/disks"},
		{hostPath, "disks.example.com", ""},
		{hostPath, "kubernetes.io/aws-ebs", ""},
		{csi, "", ""},
	} {
		v := doomed("/tmp/v")
		v.Spec.PersistentVolumeSource = c.source
		if c.by != "" {
			v.Annotations = map[string]string{volume.AnnDynamicallyProvisioned: c.by}
		}
		f := newFixture(t, v)
		wanted, state := []string{"Warning VolumeFailedDelete " + c.want}, "volume v Failed gone"
		if c.want == "" {
			wanted, state = nil, "volume v Released gone"
		}
		if events := f.settles(); !slices.Equal(events, wanted) || f.state() != state {
			t.Errorf("by %q: %s, %q, want %q", c.by, f.state(), events, wanted)
		}
	}
}
