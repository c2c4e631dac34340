package persistentvolume

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/volume"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// fixture is a cluster in which both reconcilers run until nothing changes.
type fixture struct {
	*testing.T
	binder
	recorder *record.FakeRecorder
	now      *testclock.FakePassiveClock
}

func newFixture(t *testing.T, objects ...client.Object) *fixture {
	api := fake.NewClientBuilder().WithObjects(objects...).WithStatusSubresource(&corev1.PersistentVolume{}, &corev1.PersistentVolumeClaim{}).Build()
	recorder, now := record.NewFakeRecorder(100), testclock.NewFakePassiveClock(time.Unix(1000, 0))
	return &fixture{T: t, binder: binder{client: api, live: api, recorder: recorder, clock: now, recycling: kit.DefaultTuning().Recycling}, recorder: recorder, now: now}
}

// settles runs the reconcilers a few times, and returns the last events without repetitions.
func (f *fixture) settles() []string {
	f.Helper()
	for range 4 {
		var claims corev1.PersistentVolumeClaimList
		var volumes corev1.PersistentVolumeList
		if err := f.client.List(f.Context(), &volumes); err != nil {
			f.Fatal(err)
		}
		for i := range volumes.Items {
			if _, err := (&Volumes{&f.binder}).Reconcile(f.Context(), &volumes.Items[i]); err != nil {
				f.Fatal(err)
			}
		}
		if err := f.client.List(f.Context(), &claims); err != nil {
			f.Fatal(err)
		}
		for i := range claims.Items {
			if _, err := (&Claims{&f.binder}).Reconcile(f.Context(), &claims.Items[i]); err != nil {
				f.Fatal(err)
			}
		}
	}
	var events []string
	for len(f.recorder.Events) > 0 {
		if e := <-f.recorder.Events; !slices.Contains(events, e) {
			events = append(events, e)
		}
	}
	return events
}

// state is one line for each claim and volume.
func (f *fixture) state() string {
	f.Helper()
	var claims corev1.PersistentVolumeClaimList
	var volumes corev1.PersistentVolumeList
	if err := f.client.List(f.Context(), &claims); err != nil {
		f.Fatal(err)
	}
	if err := f.client.List(f.Context(), &volumes); err != nil {
		f.Fatal(err)
	}
	var lines []string
	for _, c := range claims.Items {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("claim %s %s %s", c.Name, c.Status.Phase, c.Spec.VolumeName)))
	}
	for _, v := range volumes.Items {
		holder := ""
		if v.Spec.ClaimRef != nil {
			holder = v.Spec.ClaimRef.Name
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("volume %s %s %s", v.Name, v.Status.Phase, holder)))
	}
	return strings.Join(lines, "; ")
}

func claim(name, size string, class *string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeMode: ptr.To(corev1.PersistentVolumeFilesystem),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
		},
	}
}

func pv(name, size, class string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeMode: ptr.To(corev1.PersistentVolumeFilesystem),
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		},
	}
}

func class(name, provisioner string, mode storagev1.VolumeBindingMode) *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: &mode}
}

func TestBinding(t *testing.T) {
	prebound := pv("v", "1Gi", "")
	prebound.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "default", Name: "c"}
	taken := pv("v", "1Gi", "")
	taken.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "default", Name: "other"}
	named := claim("c", "1Gi", ptr.To(""))
	named.Spec.VolumeName = "v"
	lost := named.DeepCopy()
	lost.Annotations = map[string]string{volume.AnnBindCompleted: "yes"}
	standard := class("standard", "example.com/disks", storagev1.VolumeBindingImmediate)
	standard.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	selected := claim("c", "1Gi", ptr.To("late"))
	selected.Annotations = map[string]string{volume.AnnSelectedNode: "n"}
	gone := pv("v", "1Gi", "")
	gone.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "default", Name: "gone", UID: "gone"}
	deleted := gone.DeepCopy()
	deleted.Spec.PersistentVolumeReclaimPolicy, deleted.Spec.NFS = corev1.PersistentVolumeReclaimDelete, &corev1.NFSVolumeSource{Server: "s", Path: "/v"}
	dynamic := deleted.DeepCopy()
	dynamic.Annotations = map[string]string{volume.AnnDynamicallyProvisioned: "example.com/disks"}
	outdated := pv("w", "1Gi", "")
	outdated.Spec.ClaimRef, outdated.Annotations = &corev1.ObjectReference{Namespace: "default", Name: "c", UID: "c"}, map[string]string{volume.AnnBoundByController: "yes"}
	shared := claim("c", "1Gi", ptr.To(""))
	shared.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	either := func(name, size string) *corev1.PersistentVolume {
		v := pv(name, size, "")
		v.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadWriteMany}
		return v
	}
	reserved := either("v", "9Gi")
	reserved.Spec.ClaimRef = prebound.Spec.ClaimRef
	for _, c := range []struct {
		reason  string
		objects []client.Object
		want    string
		events  []string
	}{
		{"the smallest that is large enough", []client.Object{claim("c", "2Gi", ptr.To("")), pv("small", "1Gi", ""), pv("large", "9Gi", ""), pv("right", "2Gi", "")},
			"claim c Bound right; volume large Available; volume right Bound c; volume small Available", nil},
		{"of its class", []client.Object{claim("c", "1Gi", ptr.To("fast")), pv("slow", "1Gi", "slow"), pv("fast", "1Gi", "fast")}, "claim c Bound fast; volume fast Bound c; volume slow Available", nil},
		{"accessed as it asks", []client.Object{shared, pv("v", "1Gi", "")}, "claim c Pending; volume v Available",
			[]string{"Normal FailedBinding no persistent volumes available for this claim and no storage class is set"}},
		{"accessed in no more ways than it asks, although it is larger", []client.Object{claim("c", "1Gi", ptr.To("")), either("v", "1Gi"), pv("w", "9Gi", "")},
			"claim c Bound w; volume v Available; volume w Bound c", nil},
		{"accessed in more ways than it asks", []client.Object{shared, either("v", "9Gi"), pv("w", "1Gi", "")}, "claim c Bound v; volume v Bound c; volume w Available", nil},
		{"kept for it, and accessed in more ways", []client.Object{claim("c", "1Gi", ptr.To("")), reserved, pv("w", "1Gi", "")}, "claim c Bound v; volume v Bound c; volume w Available", nil},
		{"one for each", []client.Object{claim("a", "1Gi", ptr.To("")), claim("b", "1Gi", ptr.To("")), pv("v", "1Gi", "")}, "claim a Bound v; claim b Pending; volume v Bound a",
			[]string{"Normal FailedBinding no persistent volumes available for this claim and no storage class is set"}},
		{"kept for it", []client.Object{claim("c", "1Gi", ptr.To("")), prebound}, "claim c Bound v; volume v Bound c", nil},
		{"asked for", []client.Object{named.DeepCopy(), pv("v", "2Gi", "")}, "claim c Bound v; volume v Bound c", nil},
		{"asked for and too small", []client.Object{named.DeepCopy(), pv("v", "1Mi", "")}, "claim c Pending v; volume v Available", []string{`Warning VolumeMismatch Cannot bind to requested volume "v": requested PV is too small`}},
		{"asked for and another's", []client.Object{named.DeepCopy(), taken}, "claim c Pending v; volume v Available other", []string{`Warning FailedBinding volume "v" already bound to a different claim.`}},
		{"asked for and not there yet", []client.Object{named.DeepCopy()}, "claim c Pending v", nil},
		{"lost", []client.Object{lost}, "claim c Lost v", []string{"Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!"}},
		{"a class that is not there", []client.Object{claim("c", "1Gi", ptr.To("none"))}, "claim c Pending", []string{`Warning ProvisioningFailed storageclass.storage.k8s.io "none" not found`}},
		{"waits for a pod", []client.Object{claim("c", "1Gi", ptr.To("late")), class("late", "kubernetes.io/no-provisioner", storagev1.VolumeBindingWaitForFirstConsumer), pv("v", "1Gi", "late")},
			"claim c Pending; volume v Available", []string{"Normal WaitForFirstConsumer waiting for first consumer to be created before binding"}},
		{"a pod has come", []client.Object{selected, class("late", "example.com/disks", storagev1.VolumeBindingWaitForFirstConsumer)}, "claim c Pending", []string{external}},
		{"the default class", []client.Object{claim("c", "1Gi", nil), standard}, "claim c Pending", []string{external}},
		{"released and kept", []client.Object{gone}, "volume v Released gone", nil},
		{"released and nobody deletes it", []client.Object{deleted}, "volume v Failed gone", []string{`Warning VolumeFailedDelete error getting deleter volume plugin for volume "v": no deletable volume plugin matched`}},
		{"released, in the tree no more", []client.Object{ebs("v", corev1.PersistentVolumeReclaimDelete, nil)}, "volume v Failed gone",
			[]string{`Warning VolumeFailedDelete error getting deleter volume plugin for volume "v": no volume plugin matched`}},
		{"released, and its driver was taken over", []client.Object{ebs("v", corev1.PersistentVolumeReclaimDelete, map[string]string{volume.AnnDynamicallyProvisioned: "kubernetes.io/aws-ebs"})}, "volume v Released gone", nil},
		{"released, and nobody recycles it", []client.Object{ebs("v", corev1.PersistentVolumeReclaimRecycle, nil)}, "volume v Failed gone", []string{"Warning VolumeFailedRecycle No recycler plugin found for the volume!"}},
		{"released and its provisioner deletes it", []client.Object{dynamic}, "volume v Released gone", nil},
		{"bound to another after all", []client.Object{func() client.Object { c := named.DeepCopy(); c.UID = "c"; return c }(), pv("v", "1Gi", ""), outdated}, "claim c Bound v; volume v Bound c; volume w Available", nil},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f := newFixture(t, c.objects...)
			events := f.settles()
			if got := f.state(); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			if !slices.Equal(events, c.events) {
				t.Errorf("events %q\nwant %q", events, c.events)
			}
		})
	}
}

// ebs is a released volume of a driver that has left the tree.
func ebs(name string, policy corev1.PersistentVolumeReclaimPolicy, annotations map[string]string) *corev1.PersistentVolume {
	v := pv(name, "1Gi", "")
	v.Annotations, v.Spec.PersistentVolumeReclaimPolicy, v.Spec.AWSElasticBlockStore = annotations, policy, &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-1"}
	v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "default", Name: "gone", UID: "gone"}
	return v
}

const external = "Normal ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		claim, v := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
		fill.Fill(claim)
		fill.Fill(v)
		_ = satisfies(v, claim)
		byPendingClass(claim)
		byClaimRef(v)
		fulfil(claim, v)
		storage := &storagev1.StorageClass{}
		fill.Fill(storage)
		defaultClass([]storagev1.StorageClass{*storage})
	})
}
