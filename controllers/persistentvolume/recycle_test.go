package persistentvolume

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func released(size string) *corev1.PersistentVolume {
	v := pv("v", size, "")
	v.Spec.PersistentVolumeReclaimPolicy, v.Spec.HostPath = corev1.PersistentVolumeReclaimRecycle, &corev1.HostPathVolumeSource{Path: "/srv/v"}
	v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "default", Name: "gone", UID: "gone"}
	return v
}

func TestRecycling(t *testing.T) {
	bound := released("1Gi")
	bound.Annotations = map[string]string{volume.AnnBoundByController: "yes"}
	for _, c := range []struct {
		reason string
		volume *corev1.PersistentVolume
		ends   corev1.PodStatus
		want   string
		event  string
	}{
		{"emptied, and kept for the claim that a user named", released("1Gi"), corev1.PodStatus{Phase: corev1.PodSucceeded}, "volume v Available gone", "Normal VolumeRecycled Volume recycled"},
		{"emptied, and free", bound, corev1.PodStatus{Phase: corev1.PodSucceeded}, "volume v Available", "Normal VolumeRecycled Volume recycled"},
		{"not emptied", released("1Gi"), corev1.PodStatus{Phase: corev1.PodFailed, Message: "disk on fire"}, "volume v Failed gone",
			"Warning VolumeFailedRecycle Recycle failed: failed to recycle volume: disk on fire"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f := newFixture(t, c.volume)
			if events := f.settles(); len(events) > 0 || f.state() != "volume v Released gone" {
				t.Fatalf("%s, %q", f.state(), events)
			}
			pod := &corev1.Pod{}
			if err := f.client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "recycler-for-v"}, pod); err != nil {
				t.Fatal(err)
			}
			if pod.Status = c.ends; f.client.Status().Update(t.Context(), pod) != nil {
				t.Fatal("the pod does not end")
			}
			events := f.settles()
			if got := f.state(); got != c.want || !slices.Equal(events, []string{c.event}) {
				t.Errorf("%s, %q\nwant %s, %q", got, events, c.want, c.event)
			}
			if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); !apierrors.IsNotFound(err) {
				t.Errorf("the pod is still there: %v", err)
			}
		})
	}
}

// A volume that could not be emptied is tried again, later each time, and not sooner because somebody looks at it.
func TestRecyclingIsTriedAgain(t *testing.T) {
	f := newFixture(t, released("1Gi"))
	recycler := func(there bool) *corev1.Pod {
		t.Helper()
		f.settles()
		pod := &corev1.Pod{}
		err := f.client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "recycler-for-v"}, pod)
		if (err == nil) != there {
			t.Fatalf("is there a pod: %v, want %v", err, there)
		}
		return pod
	}
	ends := func(phase corev1.PodPhase) {
		t.Helper()
		pod := recycler(true)
		if pod.Status.Phase = phase; f.client.Status().Update(t.Context(), pod) != nil {
			t.Fatal("the pod does not end")
		}
	}
	for _, pause := range []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 2 * time.Minute} {
		ends(corev1.PodFailed)
		recycler(false)
		f.now.SetTime(f.now.Now().Add(pause - time.Second))
		if recycler(false); f.state() != "volume v Failed gone" {
			t.Errorf("it is %s", f.state())
		}
		f.now.SetTime(f.now.Now().Add(time.Second))
	}
	ends(corev1.PodSucceeded)
	if recycler(false); f.state() != "volume v Available gone" {
		t.Errorf("in the end it is %s", f.state())
	}
}

// That a volume could not be emptied is said although somebody else changed it meanwhile.
func TestFailureOfRecyclingIsNotLost(t *testing.T) {
	failed := recycler(released("1Gi"), &kit.DefaultTuning().Recycling)
	failed.Status = corev1.PodStatus{Phase: corev1.PodFailed, Message: "disk on fire"}
	v := released("1Gi")
	v.Status.Phase = corev1.VolumeReleased
	f := newFixture(t, v, failed)
	stale := &corev1.PersistentVolume{}
	if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(v), stale); err != nil {
		t.Fatal(err)
	}
	changed := stale.DeepCopy()
	changed.Labels = map[string]string{"changed": "meanwhile"}
	if err := f.client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	_, _ = (&Volumes{&f.binder}).Reconcile(t.Context(), stale)
	events := f.settles()
	want := "Warning VolumeFailedRecycle Recycle failed: failed to recycle volume: disk on fire"
	if f.state() != "volume v Failed gone" || !slices.Equal(events, []string{want}) {
		t.Errorf("%s, %q", f.state(), events)
	}
}

// What recycles volumes may be a pod of the user's own, with another deadline.
func TestRecyclerOfOnesOwn(t *testing.T) {
	own := &corev1.Pod{}
	own.Name, own.Spec.Volumes, own.Spec.Containers = "own", []corev1.Volume{{Name: "w"}}, []corev1.Container{{Name: "scrub"}}
	pod := recycler(released("10Gi"), &kit.Recycling{HostPathPod: own, HostPath: kit.RecyclingTime{Least: 7 * time.Second, Each: time.Second}})
	if pod.Name != "recycler-for-v" || pod.Namespace != "default" || pod.Spec.Containers[0].Name != "scrub" || pod.Spec.Volumes[0].HostPath.Path != "/srv/v" || *pod.Spec.ActiveDeadlineSeconds != 10 {
		t.Errorf("%+v", pod)
	}
	if own.Name != "own" || own.Spec.Volumes[0].HostPath != nil {
		t.Error("the user's pod has changed")
	}
}

// What has emptied a volume after one claim has not emptied it after the next.
func TestRecyclerOfAnotherClaim(t *testing.T) {
	other := recycler(released("1Gi"), &kit.DefaultTuning().Recycling)
	other.Annotations[recycled], other.Status.Phase = "another", corev1.PodSucceeded
	f := newFixture(t, released("1Gi"), other)
	f.settles()
	pod := &corev1.Pod{}
	if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(other), pod); err != nil || pod.Annotations[recycled] != "gone" || f.state() != "volume v Released gone" {
		t.Errorf("%v %v %s", pod.Annotations, err, f.state())
	}
}

func TestDeadlinesOfRecyclers(t *testing.T) {
	nfs := released("1Gi")
	nfs.Spec.HostPath, nfs.Spec.NFS = nil, &corev1.NFSVolumeSource{Server: "10.0.0.1", Path: "/x"}
	for v, want := range map[*corev1.PersistentVolume]int64{released("1Gi"): 60, released("100Gi"): 3000, nfs: 300} {
		if got := recycler(v, &kit.DefaultTuning().Recycling).Spec.ActiveDeadlineSeconds; *got != want {
			t.Errorf("%s has %d s, want %d", ptr.To(v.Spec.Capacity[corev1.ResourceStorage]), *got, want)
		}
	}
}

// A class of a driver that has left the tree asks who has taken it over.
func TestProvisionersThatTookOver(t *testing.T) {
	f := newFixture(t, claim("c", "1Gi", ptr.To("ebs")), class("ebs", "kubernetes.io/aws-ebs", storagev1.VolumeBindingImmediate),
		ebs("v", corev1.PersistentVolumeReclaimRetain, map[string]string{volume.AnnDynamicallyProvisioned: "kubernetes.io/aws-ebs"}))
	f.settles()
	asks, v := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
	if err := f.client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "c"}, asks); err != nil || asks.Annotations[volume.AnnStorageProvisioner] != "ebs.csi.aws.com" {
		t.Errorf("%v %v", asks.Annotations, err)
	}
	if err := f.client.Get(t.Context(), client.ObjectKey{Name: "v"}, v); err != nil || v.Annotations[volume.AnnMigratedTo] != "ebs.csi.aws.com" {
		t.Errorf("%v %v", v.Annotations, err)
	}
}

// Nothing that is stored or answered makes the controllers fall over.
func TestAnyAnswer(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		claim, v := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
		fill.Fill(claim)
		fill.Fill(v)
		api := fill.NewClient(clientgoscheme.Scheme)
		b := &binder{client: api, live: api, recorder: &record.FakeRecorder{}, clock: clock.RealClock{}}
		_, _ = (&Claims{b}).Reconcile(t.Context(), claim)
		_, _ = (&Volumes{b}).Reconcile(t.Context(), v)
		if v.Spec.ClaimRef != nil {
			v.Spec.HostPath, v.Spec.Capacity = &corev1.HostPathVolumeSource{}, corev1.ResourceList{corev1.ResourceStorage: resource.Quantity{}}
			_ = (&Volumes{b}).recycle(t.Context(), v)
		}
	})
}
