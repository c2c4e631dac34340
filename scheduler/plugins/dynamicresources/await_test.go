package dynamicresources

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

type testHandle struct {
	fwk.Handle
	recorder *events.FakeRecorder
}

func (testHandle) ProfileName() string { return "default-scheduler" }

func (h testHandle) EventRecorder() events.EventRecorderLogger { return recorderLogger{h.recorder} }

type recorderLogger struct{ *events.FakeRecorder }

func (r recorderLogger) WithLogger(klog.Logger) events.EventRecorderLogger { return r }

// attaching is a cluster with a device that every node can have, once it is attached to it.
func attaching(t *testing.T) (*fixture, *informertest.FakeInformers, testHandle) {
	class := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "fab"}, Spec: resourcev1.DeviceClassSpec{Selectors: []resourcev1.DeviceSelector{{
		CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "fab.example.com"`},
	}}}}
	slice := &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "fab"}, Spec: resourcev1.ResourceSliceSpec{
		Driver: "fab.example.com", AllNodes: ptr.To(true), Pool: resourcev1.ResourcePool{Name: "fab", Generation: 1, ResourceSliceCount: 1},
		Devices: []resourcev1.Device{{
			Name: "f0", BindsToNode: ptr.To(true), BindingConditions: []string{"attached", "ready"}, BindingFailureConditions: []string{"failed"},
		}},
	}}
	wanted := claim("fab", 1)
	wanted.Spec.Devices.Requests[0].Exactly.DeviceClassName = "fab"
	f, informers, handle := newFixture(t, class, slice, wanted), &informertest.FakeInformers{}, testHandle{recorder: events.NewFakeRecorder(10)}
	f.Informers, f.Handle, f.Metrics = informers, handle, metrics.New()
	return f, informers, handle
}

// says has the driver set conditions of the device, as they come, after the pod has begun to wait.
func (f *fixture) says(informers *informertest.FakeInformers, conditions ...string) {
	f.Helper()
	now := f.stored("fab")
	device := resourcev1.AllocatedDeviceStatus{Driver: "fab.example.com", Pool: "fab", Device: "f0"}
	for _, name := range conditions {
		device.Conditions = append(device.Conditions, metav1.Condition{Type: name, Status: metav1.ConditionTrue, Reason: "R", Message: name + " m"})
	}
	now.Status.Devices = []resourcev1.AllocatedDeviceStatus{device}
	if err := f.Client.Status().Update(f.Context(), now); err != nil {
		f.Fatal(err)
	}
	informer, err := informers.FakeInformerFor(f.Context(), &resourcev1.ResourceClaim{})
	if err != nil {
		f.Fatal(err)
	}
	informer.Update(now, now)
}

// preBinds returns what comes of PreBind, once it has begun to wait.
func (f *fixture) preBinds(ctx context.Context, handle testHandle, p *corev1.Pod, cycle *profile.CycleState, node string) <-chan *fwk.Status {
	f.Helper()
	if status := f.Reserve(ctx, cycle, p, node); !status.IsSuccess() {
		f.Fatal(status.AsError())
	}
	done := make(chan *fwk.Status, 1)
	go func() { done <- f.PreBind(ctx, cycle, p, node) }()
	var said string
	select {
	case said = <-handle.recorder.Events:
	case status := <-done:
		select {
		case said = <-handle.recorder.Events:
			done <- status // it has waited, and that is over already
		default:
			f.Fatal("it does not wait: ", status.AsError())
		}
	}
	if want := "Normal BindingConditionsPending waiting for binding conditions for device on node " + node; said != want {
		f.Errorf("the event is %q, want %q", said, want)
	}
	return done
}

func TestWaitsUntilDevicesAreReady(t *testing.T) {
	f, informers, handle := attaching(t)
	p := pod("p", "fab")
	done := f.preBinds(t.Context(), handle, p, f.fits(p, "a", "b"), "b")
	f.says(informers, "attached")
	if a := f.stored("fab").Status.Allocation; a.AllocationTimestamp == nil || a.NodeSelector == nil || len(a.Devices.Results[0].BindingConditions) != 2 {
		t.Errorf("the allocation is %+v", a)
	}
	f.fits(pod("sharing", "fab"), "b")
	f.says(informers, "attached", "ready")
	if status := <-done; !status.IsSuccess() {
		t.Error(status.AsError())
	}
}

// TestGivesBackDevicesThatDoNotGetReady: the next attempt finds them nowhere, and has others chosen.
func TestGivesBackDevicesThatDoNotGetReady(t *testing.T) {
	for _, test := range []struct {
		name, want string
		limit      time.Duration
		conditions []string
	}{
		{"failed", `device binding failed: claim=fab, reason=R, message="failed m"`, time.Hour, []string{"attached", "failed"}},
		{"timeout", "device binding timeout: context deadline exceeded", 10 * time.Millisecond, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, informers, handle := attaching(t)
			f.BindingTimeout = test.limit
			p := pod("p", "fab")
			cycle := f.fits(p, "a", "b")
			done := f.preBinds(t.Context(), handle, p, cycle, "b")
			if len(test.conditions) > 0 {
				f.says(informers, test.conditions...)
			}
			if status := <-done; status.Code() != fwk.Error || status.AsError().Error() != test.want {
				t.Errorf("%v, want %s", status.AsError(), test.want)
			}
			f.Unreserve(t.Context(), cycle, p, "b")
			cycle, refusal, said := f.begins(p)
			if refusal != "" || said["a"] != "resourceclaim not available on the node" || said["b"] != said["a"] {
				t.Errorf("%q %v", refusal, said)
			}
			if _, status := f.PostFilter(t.Context(), cycle, p, nil); status.Message() != "deallocation of ResourceClaim completed" {
				t.Error(status.Message())
			}
			if now := f.stored("fab").Status; now.Allocation != nil || len(now.Devices) > 0 || len(now.ReservedFor) > 0 {
				t.Errorf("the claim still has %+v", now)
			}
			f.fits(p, "a", "b")
		})
	}
}

// TestStopsWaitingForAClaimThatIsTakenAway: a driver that gives up may take the allocation back.
func TestStopsWaitingForAClaimThatIsTakenAway(t *testing.T) {
	f, informers, handle := attaching(t)
	p := pod("p", "fab")
	done := f.preBinds(t.Context(), handle, p, f.fits(p, "a", "b"), "a")
	now := f.stored("fab")
	now.Status = resourcev1.ResourceClaimStatus{}
	if err := f.Client.Status().Update(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	informer, err := informers.FakeInformerFor(t.Context(), &resourcev1.ResourceClaim{})
	if err != nil {
		t.Fatal(err)
	}
	informer.Update(now, now)
	if status := <-done; status.IsSuccess() {
		t.Error("the pod is bound without its device")
	}
}

func TestPrefersWhatComesFirstInTheList(t *testing.T) {
	either := claim("either", 1)
	sub := func(name, class string, count int64) resourcev1.DeviceSubRequest {
		return resourcev1.DeviceSubRequest{Name: name, DeviceClassName: class, AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: count}
	}
	either.Spec.Devices.Requests = []resourcev1.DeviceRequest{{Name: "r", FirstAvailable: []resourcev1.DeviceSubRequest{sub("gpu", "gpu", 2), sub("nic", "nic", 1)}}}
	class := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "nic"}, Spec: resourcev1.DeviceClassSpec{Selectors: []resourcev1.DeviceSelector{{
		CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "nic.example.com"`},
	}}}}
	slice := &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "nic"}, Spec: resourcev1.ResourceSliceSpec{
		Driver: "nic.example.com", AllNodes: ptr.To(true), Pool: resourcev1.ResourcePool{Name: "nic", Generation: 1, ResourceSliceCount: 1},
		Devices: []resourcev1.Device{{Name: "nic-0"}},
	}}
	f := newFixture(t, either, class, slice)
	p := pod("p", "either")
	cycle := f.fits(p, "a", "b")
	if status := f.PreScore(t.Context(), cycle, p, nil); !status.IsSuccess() {
		t.Fatal(status)
	}
	var scores fwk.NodeScoreList
	for _, node := range []string{"a", "b"} {
		score, _ := f.Score(t.Context(), cycle, p, f.nodes[node])
		scores = append(scores, fwk.NodeScore{Name: node, Score: score})
	}
	f.NormalizeScore(t.Context(), cycle, p, scores)
	if got := []int64{scores[0].Score, scores[1].Score}; !slices.Equal(got, []int64{100, 87}) { // as kube-scheduler v1.36.3
		t.Errorf("the scores are %v", got)
	}
	plain := pod("plain", "one")
	f = newFixture(t, claim("one", 1))
	if status := f.PreScore(t.Context(), f.fits(plain, "a"), plain, nil); !status.IsSkip() {
		t.Error("nodes are told apart that have the same to offer")
	}
}
