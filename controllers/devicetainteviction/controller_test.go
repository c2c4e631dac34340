package devicetainteviction

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func start() time.Time { return time.Unix(1000, 0) }

func slice(generation int64, taints ...resourcev1.DeviceTaint) *resourcev1.ResourceSlice {
	return &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "s" + string(rune('0'+generation)), CreationTimestamp: metav1.NewTime(start())}, Spec: resourcev1.ResourceSliceSpec{
		Driver: "d", Pool: resourcev1.ResourcePool{Name: "p", Generation: generation}, Devices: []resourcev1.Device{{Name: "gpu-0", Taints: taints}, {Name: "gpu-1"}},
	}}
}

func claim(tolerations ...resourcev1.DeviceToleration) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c"}, Status: resourcev1.ResourceClaimStatus{
		Allocation: &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
			{Driver: "d", Pool: "p", Device: "gpu-0", Tolerations: tolerations},
		}}},
		ReservedFor: []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: "user", UID: "u"}},
	}}
}

func TestEvicts(t *testing.T) {
	broken := resourcev1.DeviceTaint{Key: "broken", Effect: resourcev1.DeviceTaintEffectNoExecute, TimeAdded: &metav1.Time{Time: start()}}
	busy := resourcev1.DeviceTaint{Key: "busy", Effect: resourcev1.DeviceTaintEffectNoSchedule}
	always := resourcev1.DeviceToleration{Key: "broken", Operator: resourcev1.DeviceTolerationOpExists}
	minute := always
	minute.TolerationSeconds = ptr.To[int64](60)
	for _, c := range []struct {
		name   string
		claim  *resourcev1.ResourceClaim
		slices []client.Object
		after  time.Duration // of the taint
		evicts bool
		again  time.Duration
	}{
		{"a taint", claim(), []client.Object{slice(1, broken)}, 0, true, 0},
		{"another effect", claim(), []client.Object{slice(1, busy)}, 0, false, 0},
		{"no taint", claim(), []client.Object{slice(1)}, 0, false, 0},
		{"tolerated", claim(always), []client.Object{slice(1, broken)}, 0, false, 0},
		{"for a minute", claim(minute), []client.Object{slice(1, broken)}, 20 * time.Second, false, 40 * time.Second},
		{"for a minute that is over", claim(minute), []client.Object{slice(1, broken)}, 61 * time.Second, true, 0},
		{"an old generation of the pool", claim(), []client.Object{slice(1, broken), slice(2)}, 0, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "user", UID: "u"}, Spec: corev1.PodSpec{NodeName: "a"}}
			api := fake.NewClientBuilder().WithObjects(append(c.slices, pod)...).WithStatusSubresource(pod).Build()
			registry := prometheus.NewRegistry()
			evicter := &Controller{Client: api, Recorder: record.NewFakeRecorder(10), Clock: testclock.NewFakePassiveClock(start().Add(c.after)), metrics: newMetrics(registry)}
			result, err := evicter.Reconcile(t.Context(), c.claim)
			if err != nil || result.RequeueAfter != c.again {
				t.Errorf("%+v, %v; want it again after %s", result, err, c.again)
			}
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); (client.IgnoreNotFound(err) == nil && err != nil) != c.evicts {
				t.Errorf("the pod is evicted: %v, want %v", err, c.evicts)
			}
			if counted := fuzzing.Metrics(t, registry)["device_taint_eviction_controller_pod_deletions_total"]; (counted == 1) != c.evicts {
				t.Errorf("%v pods are counted", counted)
			}
		})
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		claim, slice := &resourcev1.ResourceClaim{}, resourcev1.ResourceSlice{}
		fill.Fill(claim)
		fill.Fill(&slice)
		tainted(&slice)
		deadline(claim, []resourcev1.ResourceSlice{slice})
	})
}
