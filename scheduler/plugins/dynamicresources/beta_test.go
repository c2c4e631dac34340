package dynamicresources

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What is beta and on in v1.36 is for the structured allocator to do; these tests hold that it is told to, and is given what it needs.

// pool is a class and the slices of its driver, on node b.
func pool(driver string, specs ...resourcev1.ResourceSliceSpec) []client.Object {
	objects := []client.Object{&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: driver}, Spec: resourcev1.DeviceClassSpec{Selectors: []resourcev1.DeviceSelector{{
		CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "` + driver + `"`},
	}}}}}
	for i := range specs {
		specs[i].Driver, specs[i].Pool = driver, resourcev1.ResourcePool{Name: driver, Generation: 1, ResourceSliceCount: int64(len(specs))}
		specs[i].NodeName = ptr.To("b")
		objects = append(objects, &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: driver + string(rune('a'+i))}, Spec: specs[i]})
	}
	return objects
}

func of(class, name string, change ...func(*resourcev1.ExactDeviceRequest)) *resourcev1.ResourceClaim {
	c := claim(name, 1)
	exactly := c.Spec.Devices.Requests[0].Exactly
	exactly.DeviceClassName = class
	for _, apply := range change {
		apply(exactly)
	}
	return c
}

func TestPartitionsShareWhatTheirDeviceHas(t *testing.T) {
	uses := func(slices string) []resourcev1.DeviceCounterConsumption {
		return []resourcev1.DeviceCounterConsumption{{CounterSet: "card", Counters: map[string]resourcev1.Counter{"slices": {Value: resource.MustParse(slices)}}}}
	}
	objects := pool("part.example.com",
		resourcev1.ResourceSliceSpec{SharedCounters: []resourcev1.CounterSet{{Name: "card", Counters: map[string]resourcev1.Counter{"slices": {Value: resource.MustParse("4")}}}}},
		resourcev1.ResourceSliceSpec{Devices: []resourcev1.Device{{Name: "large-0", ConsumesCounters: uses("3")}, {Name: "large-1", ConsumesCounters: uses("3")}, {Name: "small", ConsumesCounters: uses("1")}}})
	f := newFixture(t, append(objects, of("part.example.com", "first"), of("part.example.com", "second"), of("part.example.com", "third"))...)
	first, second := pod("first", "first"), pod("second", "second")
	f.binds(first, f.fits(first, "b"), "b")
	f.binds(second, f.fits(second, "b"), "b")
	if got := f.stored("second").Status.Allocation.Devices.Results[0].Device; got != "small" {
		t.Errorf("the second has %s of a card of which a quarter is left", got)
	}
	f.fits(pod("third", "third"))
}

func TestSharesCapacityOfADevice(t *testing.T) {
	objects := pool("net.example.com", resourcev1.ResourceSliceSpec{Devices: []resourcev1.Device{{
		Name: "nic", AllowMultipleAllocations: ptr.To(true), Capacity: map[resourcev1.QualifiedName]resourcev1.DeviceCapacity{"bandwidth": {Value: resource.MustParse("10")}},
	}}})
	six := func(r *resourcev1.ExactDeviceRequest) {
		r.Capacity = &resourcev1.CapacityRequirements{Requests: map[resourcev1.QualifiedName]resource.Quantity{"bandwidth": resource.MustParse("6")}}
	}
	four := func(r *resourcev1.ExactDeviceRequest) {
		r.Capacity = &resourcev1.CapacityRequirements{Requests: map[resourcev1.QualifiedName]resource.Quantity{"bandwidth": resource.MustParse("4")}}
	}
	f := newFixture(t, append(objects, of("net.example.com", "six", six), of("net.example.com", "more", six), of("net.example.com", "four", four))...)
	first := pod("first", "six")
	f.binds(first, f.fits(first, "b"), "b")
	if r := f.stored("six").Status.Allocation.Devices.Results[0]; r.ShareID == nil || r.ConsumedCapacity == nil {
		t.Errorf("the share is %+v", r)
	}
	f.fits(pod("more", "more"))
	f.fits(pod("four", "four"), "b")
}

func TestAdministratorsTakeNothing(t *testing.T) {
	admin := func(r *resourcev1.ExactDeviceRequest) { r.AdminAccess = ptr.To(true) }
	objects := pool("one.example.com", resourcev1.ResourceSliceSpec{Devices: []resourcev1.Device{{Name: "only"}}})
	f := newFixture(t, append(objects, of("one.example.com", "watcher", admin), of("one.example.com", "user"), of("one.example.com", "late", admin))...)
	watcher, user := pod("watcher", "watcher"), pod("user", "user")
	f.binds(watcher, f.fits(watcher, "b"), "b")
	f.binds(user, f.fits(user, "b"), "b")
	f.fits(pod("late", "late"), "b")
}

func TestTaintsOfDevices(t *testing.T) {
	objects := pool("bad.example.com", resourcev1.ResourceSliceSpec{Devices: []resourcev1.Device{{
		Name: "broken", Taints: []resourcev1.DeviceTaint{{Key: "example.com/broken", Effect: resourcev1.DeviceTaintEffectNoSchedule}},
	}}})
	tolerant := func(r *resourcev1.ExactDeviceRequest) {
		r.Tolerations = []resourcev1.DeviceToleration{{Key: "example.com/broken", Operator: resourcev1.DeviceTolerationOpExists}}
	}
	f := newFixture(t, append(objects, of("bad.example.com", "plain"), of("bad.example.com", "tolerant", tolerant))...)
	f.fits(pod("plain", "plain"))
	f.fits(pod("tolerant", "tolerant"), "b")
}

// TestSearchesForALimitedTime: a node on which devices are not found in time is refused, and no other.
func TestSearchesForALimitedTime(t *testing.T) {
	f := newFixture(t, claim("one", 1))
	p := pod("p", "one")
	cycle := f.fits(p, "a")
	f.FilterTimeout = 1
	status := f.Filter(context.Background(), cycle, p, f.nodes["a"])
	if !status.IsRejected() || status.Message() != "timed out trying to allocate devices" {
		t.Errorf("%v", status.AsError())
	}
	var none *corev1.Pod
	if got := f.Explain(t.Context(), cycle, none, f.nodes["b"]); got != "claim one: wants 1 of class gpu, free 0 of 0" {
		t.Errorf("explains %q", got)
	}
}
