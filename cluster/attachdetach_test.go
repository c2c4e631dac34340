package cluster

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const finalizerOfAttacher = "external-attacher/drv-example-com"

// attacher does what a driver's external attacher does: it protects attachments, says that they are there, and lets go of
// those that are deleted.
type attacher struct {
	*testing.T
	client.Client
}

func (a *attacher) attachments() []storagev1.VolumeAttachment {
	list := &storagev1.VolumeAttachmentList{}
	if err := a.List(a.Context(), list); err != nil {
		a.Fatal(err)
	}
	return list.Items
}

// attaches waits for the attachment of a node, and carries it out.
func (a *attacher) attaches(node string) {
	a.Helper()
	eventually(a.T, "nothing is to be attached to "+node, func() error {
		for _, va := range a.attachments() {
			if va.Spec.NodeName != node {
				continue
			}
			va.Finalizers = []string{finalizerOfAttacher}
			if err := a.Update(a.Context(), &va); err != nil {
				return err
			}
			va.Status.Attached = true
			return a.Status().Update(a.Context(), &va)
		}
		return errors.New("no attachment")
	})
	eventually(a.T, "the node is not told", func() error {
		n := &corev1.Node{}
		if err := a.Get(a.Context(), client.ObjectKey{Name: node}, n); err != nil || len(n.Status.VolumesAttached) == 1 {
			return err
		}
		return fmt.Errorf("its volumes are %v", n.Status.VolumesAttached)
	})
}

// detaches waits for the end of the attachment of a node, and carries it out.
func (a *attacher) detaches(node string) {
	a.Helper()
	eventually(a.T, "nothing is to be detached from "+node, func() error {
		for _, va := range a.attachments() {
			if va.Spec.NodeName != node || va.DeletionTimestamp == nil {
				continue
			}
			va.Finalizers = nil
			return a.Update(a.Context(), &va)
		}
		return errors.New("no attachment that is deleted")
	})
}

func (a *attacher) creates(objects ...client.Object) {
	a.Helper()
	for _, object := range objects {
		if err := a.Create(a.Context(), object); err != nil {
			a.Fatal(err)
		}
	}
}

func (a *attacher) pod(name, node string) *corev1.Pod {
	a.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: corev1.PodSpec{
		NodeName: node, AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
		Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}},
	}}
	eventually(a.T, "the pod cannot be made", func() error { return a.Create(a.Context(), pod) })
	return pod
}

func (a *attacher) told(pod, reason, message string) {
	a.Helper()
	eventually(a.T, pod+" is not told", func() error {
		list := &corev1.EventList{}
		if err := a.List(a.Context(), list, client.InNamespace("default")); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.InvolvedObject.Name == pod && e.Reason == reason && e.Message == message && e.Source.Component == "attachdetach-controller" {
				return nil
			}
		}
		return fmt.Errorf("%d other events", len(list.Items))
	})
}

func (a *attacher) uses(node string, volumes ...corev1.UniqueVolumeName) {
	a.Helper()
	eventually(a.T, "the node's status cannot be written", func() error {
		n := &corev1.Node{}
		if err := a.Get(a.Context(), client.ObjectKey{Name: node}, n); err != nil {
			return err
		}
		n.Status.VolumesInUse = volumes
		return a.Status().Update(a.Context(), n)
	})
}

// A volume of a driver goes to the node of its pod, stays as long as the node uses it, and moves to the next, over a restart of the server.
func TestVolumesOfDriversMove(t *testing.T) {
	options := ForTest(t.TempDir())
	options.Disable, options.Ephemeral = append(options.Disable, Scheduler), false
	running, c := started(t, options)
	a := &attacher{t, c}
	for _, name := range []string{"n1", "n2"} {
		a.creates(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}})
	}
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	a.creates(
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv"}, Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, ClaimRef: &corev1.ObjectReference{Namespace: "default", Name: "data"},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "drv.example.com", VolumeHandle: "h"}},
		}},
		&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: ptr.To(""), VolumeName: "pv", Resources: corev1.VolumeResourceRequirements{Requests: size},
		}})
	first := a.pod("first", "n1")
	a.attaches("n1")
	a.told("first", "SuccessfulAttachVolume", `AttachVolume.Attach succeeded for volume "pv" `)
	a.uses("n1", "kubernetes.io/csi/drv.example.com^h")
	a.pod("second", "n2")
	a.told("second", "FailedAttachVolume", `Multi-Attach error for volume "pv" Volume is already used by pod(s) first`)
	if err := running.Stop(); err != nil {
		t.Fatal(err)
	}
	_, c = started(t, options)
	a = &attacher{t, c}
	if err := client.IgnoreNotFound(a.Delete(t.Context(), first, client.GracePeriodSeconds(0))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod does not go", func() error {
		if err := a.Get(t.Context(), client.ObjectKeyFromObject(first), first); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	if got := a.attachments(); len(got) != 1 || got[0].Spec.NodeName != "n1" || got[0].DeletionTimestamp != nil {
		t.Errorf("attached while it is in use: %+v", got)
	}
	a.uses("n1")
	a.detaches("n1")
	a.attaches("n2")
	a.told("second", "SuccessfulAttachVolume", `AttachVolume.Attach succeeded for volume "pv" `)
}
