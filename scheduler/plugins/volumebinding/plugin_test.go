package volumebinding

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// fixture is a node with one volume, and two claims of pods that want it.
type fixture struct {
	*testing.T
	*Plugin
	api       client.WithWatch
	informers *informertest.FakeInformers
	node      fwk.NodeInfo
}

func newFixture(t *testing.T, provisioner string) *fixture {
	claim := func(name string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: "u"},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: ptr.To("late"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
			},
		}
	}
	objects := []client.Object{claim("first"), claim("second"), &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "late"}, Provisioner: provisioner, VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
	}}
	if provisioner == noProvisioner {
		objects = append(objects, &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: "v"}, Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
			Spec: corev1.PersistentVolumeSpec{
				StorageClassName: "late", AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
		})
	}
	informers := &informertest.FakeInformers{}
	api := fake.NewClientBuilder().WithObjects(objects...).Build()
	return &fixture{
		T: t, Plugin: &Plugin{Client: api, Informers: informers}, api: api, informers: informers,
		node: state.NewNodeInfo(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelHostname: "n"}}}),
	}
}

// filters returns the cycle of a pod with the claim, and why the node is refused.
func (f *fixture) filters(claim string) (*profile.CycleState, string) {
	f.Helper()
	cycle := &profile.CycleState{}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: claim}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{
		{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}},
	}}}
	if _, status := f.PreFilter(f.Context(), cycle, pod, nil); !status.IsSuccess() {
		f.Fatal(status)
	}
	return cycle, f.Filter(f.Context(), cycle, pod, f.node).Message()
}

// binds runs PreBind, and lets somebody else change the first claim after each write.
func (f *fixture) binds(cycle *profile.CycleState, react func(written client.Object, claim *corev1.PersistentVolumeClaim)) *fwk.Status {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	informer, err := f.informers.FakeInformerFor(ctx, &corev1.PersistentVolumeClaim{})
	if err != nil {
		f.Fatal(err)
	}
	f.Client = interceptor.NewClient(f.api, interceptor.Funcs{Update: func(ctx context.Context, c client.WithWatch, obj client.Object, options ...client.UpdateOption) error {
		if err := c.Update(ctx, obj, options...); err != nil {
			return err
		}
		claim := &corev1.PersistentVolumeClaim{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: "first"}, claim); err != nil {
			return err
		}
		react(obj, claim)
		status := claim.Status
		if err := c.Update(ctx, claim); err != nil {
			return err
		}
		claim.Status = status
		err := c.Status().Update(ctx, claim)
		informer.Update(claim, claim)
		return err
	}})
	return f.PreBind(ctx, cycle, nil, "n")
}

func TestBindsWhatWaits(t *testing.T) {
	f := newFixture(t, noProvisioner)
	first, refusal := f.filters("first")
	if refusal != "" {
		t.Fatal(refusal)
	}
	f.Reserve(t.Context(), first, nil, "n")
	if _, refusal := f.filters("second"); refusal != noVolume {
		t.Errorf("a volume that is given away is given again: %q", refusal)
	}
	f.Unreserve(t.Context(), first, nil, "n")
	if _, refusal := f.filters("second"); refusal != "" {
		t.Errorf("a volume that was given back is kept: %q", refusal)
	}
	f.Reserve(t.Context(), first, nil, "n")
	status := f.binds(first, func(written client.Object, claim *corev1.PersistentVolumeClaim) {
		if v, ok := written.(*corev1.PersistentVolume); ok && v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Name == "first" {
			claim.Spec.VolumeName, claim.Annotations = "v", map[string]string{volume.AnnBindCompleted: "yes"}
			claim.Status.Phase = corev1.ClaimBound
		}
	})
	if !status.IsSuccess() || len(f.assumed) != 0 {
		t.Errorf("%v, %d volumes are assumed", status, len(f.assumed))
	}
}

// The kubelet of a node looks at the status of a claim, which is written after the rest.
func TestWaitsForTheStatusOfAClaim(t *testing.T) {
	f := newFixture(t, noProvisioner)
	cycle, refusal := f.filters("first")
	if refusal != "" {
		t.Fatal(refusal)
	}
	f.Reserve(t.Context(), cycle, nil, "n")
	claim := &corev1.PersistentVolumeClaim{}
	if err := f.api.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "first"}, claim); err != nil {
		t.Fatal(err)
	}
	claim.Spec.VolumeName, claim.Annotations = "v", map[string]string{volume.AnnBindCompleted: "yes"}
	if err := f.api.Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	for _, phase := range []corev1.PersistentVolumeClaimPhase{corev1.ClaimPending, corev1.ClaimBound} {
		claim.Status.Phase = phase
		if err := f.api.Status().Update(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		if done, err := f.done(t.Context(), chosen(cycle, "n"), "n"); done != (phase == corev1.ClaimBound) || err != nil {
			t.Errorf("a claim that is %s: done %v, %v", phase, done, err)
		}
	}
}

func TestHasVolumesProvisioned(t *testing.T) {
	f := newFixture(t, "example.com/disks")
	cycle, refusal := f.filters("first")
	if refusal != "" {
		t.Fatal(refusal)
	}
	f.Reserve(t.Context(), cycle, nil, "n")
	status := f.binds(cycle, func(_ client.Object, claim *corev1.PersistentVolumeClaim) {
		if claim.Annotations[volume.AnnSelectedNode] == "n" {
			delete(claim.Annotations, volume.AnnSelectedNode)
		}
	})
	if want := `binding volumes: provisioning failed for PVC "first"`; status.AsError() == nil || status.AsError().Error() != want {
		t.Errorf("%v, want %s", status, want)
	}
}

// Somebody else may bind the claim in the meantime. That volume need not be usable on the node.
func TestBoundElsewhere(t *testing.T) {
	f := newFixture(t, noProvisioner)
	cycle, refusal := f.filters("first")
	if refusal != "" {
		t.Fatal(refusal)
	}
	f.Reserve(t.Context(), cycle, nil, "n")
	status := f.binds(cycle, func(_ client.Object, claim *corev1.PersistentVolumeClaim) {
		claim.Spec.VolumeName, claim.Annotations = "elsewhere", map[string]string{volume.AnnBindCompleted: "yes"}
	})
	if want := `binding volumes: PVC "first" was bound to volume "elsewhere", which was not chosen for node "n"`; status.AsError() == nil || status.AsError().Error() != want {
		t.Errorf("%v, want %s", status, want)
	}
}
