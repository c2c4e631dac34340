package folders

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/controllers/localpath"
)

func released(path string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: "pvc-1", Labels: map[string]string{localpath.NodeLabel: "boat"}, Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": localpath.Provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeReleased},
	}
}

// Links inside of a volume, and a link in its place, lead nowhere; only what is in the volume goes.
func TestRemoveDataFollowsNoLinks(t *testing.T) {
	dir := t.TempDir()
	root, precious := filepath.Join(dir, "storage"), filepath.Join(dir, "precious")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(root, "pvc-1_ns_c", "deep", "deeper"), 0o755))
	must(os.MkdirAll(filepath.Join(root, "pvc-10_ns_c"), 0o755))
	must(os.MkdirAll(precious, 0o755))
	must(os.WriteFile(filepath.Join(precious, "file"), nil, 0o600))
	must(os.Symlink(precious, filepath.Join(root, "pvc-1_ns_c", "deep", "link")))
	must(os.Symlink("../../precious", filepath.Join(root, "pvc-1_ns_c", "relative")))
	must(os.Symlink(precious, filepath.Join(root, "pvc-1_ns_swapped")))
	f := &Folders{Root: root, NodeName: "boat"}
	for _, name := range []string{"pvc-1_ns_c", "pvc-1_ns_swapped", "pvc-1_ns_never-made"} {
		must(f.removeData(released(filepath.Join(root, name))))
		if _, err := os.Lstat(filepath.Join(root, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range []string{precious, "/", root, root + "/../precious", filepath.Join(root, "pvc-10_ns_c")} {
		if err := f.removeData(released(name)); err == nil {
			t.Errorf("removed %s", name)
		}
	}
	for _, name := range []string{filepath.Join(precious, "file"), filepath.Join(root, "pvc-10_ns_c")} {
		if _, err := os.Lstat(name); err != nil {
			t.Error(err)
		}
	}
}

func TestRemovesOnlyWhatIsItsOwnAndReleased(t *testing.T) {
	f := &Folders{Root: "/data/storage", NodeName: "boat"}
	for reason, change := range map[string]func(*corev1.PersistentVolume){
		"another node's": func(v *corev1.PersistentVolume) { v.Labels[localpath.NodeLabel] = "raft" },
		"nobody's":       func(v *corev1.PersistentVolume) { v.Labels = nil },
		"in use":         func(v *corev1.PersistentVolume) { v.Status.Phase = corev1.VolumeBound },
		"to be kept": func(v *corev1.PersistentVolume) {
			v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
		},
		"a user's":        func(v *corev1.PersistentVolume) { v.Annotations = nil },
		"another kind":    func(v *corev1.PersistentVolume) { v.Spec.Local = nil },
		"removed already": func(v *corev1.PersistentVolume) { v.Status.Reason = localpath.RemovedReason },
	} {
		v := released("/data/storage/pvc-1_ns_c")
		if !f.removable(v) {
			t.Fatal("one that is to go stays")
		}
		if change(v); f.removable(v) {
			t.Errorf("removed one that is %s", reason)
		}
	}
}
