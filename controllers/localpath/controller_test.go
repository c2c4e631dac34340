package localpath

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func boat(annotations map[string]string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat", Annotations: annotations, Labels: map[string]string{corev1.LabelHostname: "the-boat"}}}
}

func waiting(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data", UID: "1-2", Annotations: map[string]string{
			volume.AnnStorageProvisioner: Provisioner, volume.AnnSelectedNode: "boat",
		}},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(ClassName), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	if change != nil {
		change(claim)
	}
	return claim
}

func TestProvisioning(t *testing.T) {
	offers := boat(map[string]string{FolderAnnotation: "/data/storage"})
	failed := func(why string) string {
		return `Warning ProvisioningFailed failed to provision volume with StorageClass "local-path": ` + why
	}
	unplaced := func(c *corev1.PersistentVolumeClaim) { delete(c.Annotations, volume.AnnSelectedNode) }
	for _, test := range []struct {
		reason   string
		claim    *corev1.PersistentVolumeClaim
		node     *corev1.Node
		class    *storagev1.StorageClass
		event    string
		selected string
	}{
		{"a node that offers a folder", waiting(nil), offers, Class(), "Normal ProvisioningSucceeded Successfully provisioned volume pvc-1-2", "boat"},
		{"no node yet", waiting(unplaced), offers, Class(), "", ""},
		{"no node ever", waiting(unplaced), offers, func() *storagev1.StorageClass { c := Class(); c.VolumeBindingMode = nil; return c }(), failed("configuration error, no node was specified"), ""},
		{"a node that offers none", waiting(nil), boat(nil), Class(), failed(`node "boat" offers no folder for local volumes`), ""},
		{"a folder that is no path", waiting(nil), boat(map[string]string{FolderAnnotation: "../etc"}), Class(), failed(`node "boat" offers no folder for local volumes`), ""},
		{"a block device", waiting(func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) }), offers, Class(),
			failed("coxswain.io/local-path does not support block volume provisioning"), "boat"},
		{"for many nodes", waiting(func(c *corev1.PersistentVolumeClaim) {
			c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		}), offers, Class(), failed("coxswain.io/local-path supports no access modes but ReadWriteOnce and ReadWriteOncePod: not ReadWriteMany"), "boat"},
		{"another's", waiting(func(c *corev1.PersistentVolumeClaim) {
			c.Annotations[volume.AnnStorageProvisioner] = "example.com/disks"
		}), offers, Class(), "", "boat"},
		{"a class of another's", waiting(nil), offers, func() *storagev1.StorageClass { c := Class(); c.Provisioner = "example.com/disks"; return c }(), "", "boat"},
		{"bound already", waiting(func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "v" }), offers, Class(), "", "boat"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			api := fake.NewClientBuilder().WithObjects(test.claim, test.node, test.class).Build()
			recorder := record.NewFakeRecorder(10)
			c := &Claims{Client: api, Recorder: recorder}
			if _, err := c.Reconcile(t.Context(), test.claim); err != nil {
				t.Fatal(err)
			}
			var last string
			for len(recorder.Events) > 0 {
				last = <-recorder.Events
			}
			if last != test.event {
				t.Errorf("event %q\nwant  %q", last, test.event)
			}
			claim, v := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(test.claim), claim); err != nil {
				t.Fatal(err)
			}
			if got := claim.Annotations[volume.AnnSelectedNode]; got != test.selected {
				t.Errorf("selected node %q, want %q", got, test.selected)
			}
			err := api.Get(t.Context(), client.ObjectKey{Name: "pvc-1-2"}, v)
			if made := err == nil; made != strings.Contains(test.event, "Succeeded") {
				t.Errorf("made: %t, %v", made, err)
			}
		})
	}
}

func TestVolume(t *testing.T) {
	v := newVolume(waiting(nil), Class(), boat(map[string]string{FolderAnnotation: "/data/storage"}))
	if !provisioned(v) || v.Spec.Local.Path != "/data/storage/pvc-1-2_default_data" || v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("%+v", v)
	}
	if err := volume.CheckNodeAffinity(v, map[string]string{corev1.LabelHostname: "the-boat"}); err != nil {
		t.Error(err)
	}
	if err := volume.CheckNodeAffinity(v, map[string]string{corev1.LabelHostname: "boat"}); err == nil {
		t.Error("it can be used elsewhere")
	}
	if diff := cmp.Diff(v.Annotations, map[string]string{volume.AnnDynamicallyProvisioned: Provisioner, NodeLabel: "boat"}); diff != "" {
		t.Error(diff)
	}
}

// A volume goes when its node says that the data is gone; what is kept, used or not ours stays.
func TestReclaiming(t *testing.T) {
	for _, test := range []struct {
		reason string
		change func(*corev1.PersistentVolume)
		gone   bool
	}{
		{"removed", func(v *corev1.PersistentVolume) { v.Status.Reason = RemovedReason }, true},
		{"not removed yet", func(*corev1.PersistentVolume) {}, false},
		{"in use", func(v *corev1.PersistentVolume) { v.Status.Phase, v.Status.Reason = corev1.VolumeBound, RemovedReason }, false},
		{"to be kept", func(v *corev1.PersistentVolume) {
			v.Spec.PersistentVolumeReclaimPolicy, v.Status.Reason = corev1.PersistentVolumeReclaimRetain, RemovedReason
		}, false},
		{"the node is gone", func(v *corev1.PersistentVolume) { v.Labels[NodeLabel] = "raft" }, true},
		{"another's", func(v *corev1.PersistentVolume) {
			v.Annotations[volume.AnnDynamicallyProvisioned], v.Status.Reason = "example.com/disks", RemovedReason
		}, false},
	} {
		t.Run(test.reason, func(t *testing.T) {
			v := newVolume(waiting(nil), Class(), boat(map[string]string{FolderAnnotation: "/data/storage"}))
			v.Status.Phase = corev1.VolumeReleased
			test.change(v)
			api := fake.NewClientBuilder().WithObjects(v, boat(nil)).Build()
			c := &Volumes{Client: api}
			for range 2 {
				now := &corev1.PersistentVolume{}
				if err := api.Get(t.Context(), client.ObjectKeyFromObject(v), now); err != nil {
					break
				}
				if _, err := c.Reconcile(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			err := api.Get(t.Context(), client.ObjectKeyFromObject(v), v)
			if gone := apierrors.IsNotFound(err); gone != test.gone {
				t.Errorf("gone: %t, %v", gone, err)
			}
		})
	}
}

// A claim's name may be as long as that of a file, and then does not fit into one with the volume's.
func TestFoldersOfLongNames(t *testing.T) {
	claim := waiting(func(c *corev1.PersistentVolumeClaim) { c.Name = strings.Repeat("n", 253) })
	v := newVolume(claim, Class(), boat(map[string]string{FolderAnnotation: "/data/storage"}))
	if name := FolderName("/data/storage", v); len(name) != 255 || !strings.HasPrefix(name, "pvc-1-2_default_nnn") {
		t.Errorf("%d: %s", len(name), name)
	}
}

func TestFolderName(t *testing.T) {
	for path, want := range map[string]string{
		"/data/storage/pvc-1_ns_c": "pvc-1_ns_c", "/data/storage/pvc-2_ns_c": "", "/data/storage/../storage/pvc-1_ns_c": "", "/data/storage": "", "/data/storage/": "",
		"/etc": "", "/data/storage/pvc-1_ns_c/deeper": "", "/data/pvc-1_ns_c": "", "": "", "/data/storage/pvc-1_..": "pvc-1_..", "/data/storage/pvc-1_x/..": "",
	} {
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-1"}}
		v.Spec.Local = &corev1.LocalVolumeSource{Path: path}
		if got := FolderName("/data/storage", v); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		claim, v, class, node := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}, &storagev1.StorageClass{}, &corev1.Node{}
		for _, o := range []any{claim, v, class, node} {
			fill.Fill(o)
		}
		_ = asks(claim)
		_ = unsupported(claim, class)
		newVolume(claim, class, node)
		if name := FolderName("/a", v); slices.Contains([]string{".", ".."}, name) || strings.Contains(name, "/") {
			t.Error(name)
		}
		Removable(v)
	})
}
