package endpointslice

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func group(first, count int) *Group {
	g := &Group{Family: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: ptr.To[int32](80)}}}
	for i := first; i < first+count; i++ {
		g.Endpoints = append(g.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.0.0.%d", i)}})
	}
	return g
}

func nothing(*discoveryv1.EndpointSlice) {}

// apply does to the slices what a plan says.
func apply(existing []*discoveryv1.EndpointSlice, plan Plan) []*discoveryv1.EndpointSlice {
	byName := map[string]*discoveryv1.EndpointSlice{}
	for _, slice := range existing {
		byName[slice.Name] = slice
	}
	for _, slice := range plan.Delete {
		delete(byName, slice.Name)
	}
	for _, slice := range plan.Update {
		byName[slice.Name] = slice
	}
	for i, slice := range plan.Create {
		slice.Name = fmt.Sprintf("s%d-%d", len(existing), i)
		byName[slice.Name] = slice
	}
	var out []*discoveryv1.EndpointSlice
	for _, slice := range byName {
		out = append(out, slice)
	}
	return out
}

func TestPackWritesLittle(t *testing.T) {
	slices := apply(nil, Pack(nil, []*Group{group(0, 5)}, 2, nothing))
	if len(slices) != 3 {
		t.Fatalf("5 endpoints at 2 a slice make %d slices", len(slices))
	}
	same := Pack(slices, []*Group{group(0, 5)}, 2, nothing)
	if len(same.Create)+len(same.Update)+len(same.Delete) != 0 {
		t.Errorf("the same endpoints make writes: %+v", same)
	}
	one := Pack(slices, []*Group{group(0, 6)}, 2, nothing)
	if len(one.Create) != 0 || len(one.Update) != 1 || len(one.Delete) != 0 {
		t.Errorf("one more endpoint makes %d creates, %d updates", len(one.Create), len(one.Update))
	}
	empty := apply(slices, Pack(slices, []*Group{group(0, 0)}, 2, nothing))
	if len(empty) != 1 || len(empty[0].Endpoints) != 0 {
		t.Errorf("no endpoints leave %d slices, want one that is empty", len(empty))
	}
}

func TestConditions(t *testing.T) {
	deleted := metav1.Now()
	for _, c := range []struct {
		why                                  string
		ready, deleting, publish             bool
		wantReady, wantServing, wantTerminat bool
	}{
		{"ready", true, false, false, true, true, false},
		{"not ready", false, false, false, false, false, false},
		{"not ready but published", false, false, true, true, false, false},
		{"going but serving", true, true, false, false, true, true},
		{"going, published", true, true, true, true, true, true},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: types.UID("p")}, Status: corev1.PodStatus{PodIP: "10.0.0.1"}}
		if c.ready {
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
		if c.deleting {
			pod.DeletionTimestamp = &deleted
		}
		svc := &corev1.Service{Spec: corev1.ServiceSpec{PublishNotReadyAddresses: c.publish}}
		got := compute(svc, []*corev1.Pod{pod}, func(string) string { return "" })[0].Endpoints[0].Conditions
		if *got.Ready != c.wantReady || *got.Serving != c.wantServing || *got.Terminating != c.wantTerminat {
			t.Errorf("%s: ready %v, serving %v, terminating %v", c.why, *got.Ready, *got.Serving, *got.Terminating)
		}
	}
}

func TestSlicesWithoutPortsAreKept(t *testing.T) {
	group := &Group{Family: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{}, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}}
	stored := &discoveryv1.EndpointSlice{AddressType: group.Family, Endpoints: group.Endpoints}
	plan := Pack([]*discoveryv1.EndpointSlice{stored}, []*Group{group}, 100, func(*discoveryv1.EndpointSlice) {})
	if n := len(plan.Create) + len(plan.Update) + len(plan.Delete); n != 0 {
		t.Errorf("%d writes, want none: %+v", n, plan)
	}
}
