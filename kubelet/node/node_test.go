package node

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
)

func condition(s *corev1.NodeStatus, t corev1.NodeConditionType) corev1.NodeCondition {
	for _, c := range s.Conditions {
		if c.Type == t {
			return c
		}
	}
	return corev1.NodeCondition{}
}

func TestStatusOfANode(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Unix(1000, 0))
	problem := ""
	r := &Registrar{Clock: clock, Name: "n1", IPs: []string{"192.0.2.1"}, Port: 10250, Problem: func(context.Context) string { return problem }}
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: "Foreign", Status: corev1.ConditionTrue}}
	n.Status = r.status(t.Context(), n)
	first := condition(&n.Status, corev1.NodeReady)
	if first.Status != corev1.ConditionTrue || first.Reason != "KubeletReady" || first.Message != "kubelet is posting ready status" {
		t.Errorf("a node without problems is %+v", first)
	}
	if condition(&n.Status, "Foreign").Status != corev1.ConditionTrue {
		t.Error("a foreign condition was dropped")
	}
	clock.Step(time.Minute)
	again := r.status(t.Context(), n)
	if !sameStatus(&n.Status, &again) {
		t.Error("a heartbeat counts as a change")
	}
	if c := condition(&again, corev1.NodeReady); !c.LastTransitionTime.Equal(&first.LastTransitionTime) || c.LastHeartbeatTime.Equal(&first.LastHeartbeatTime) {
		t.Error("the transition's time moved without one, or the heartbeat's did not")
	}
	problem = "container runtime is down"
	bad := r.status(t.Context(), n)
	if c := condition(&bad, corev1.NodeReady); c.Status != corev1.ConditionFalse || c.Reason != "KubeletNotReady" || c.Message != problem || c.LastTransitionTime.Equal(&first.LastTransitionTime) {
		t.Errorf("a node with a problem is %+v", c)
	}
}

func TestAddressesOfACloud(t *testing.T) {
	r := &Registrar{Clock: testingclock.NewFakeClock(time.Unix(0, 0)), Name: "n1", IPs: []string{"192.0.2.1"}, Problem: func(context.Context) string { return "" }, CloudAddresses: true}
	node := &corev1.Node{}
	if node.Status = r.status(t.Context(), node); len(node.Status.Addresses) != 2 {
		t.Errorf("until a cloud says more: %v", node.Status.Addresses)
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: "198.51.100.7"}}
	if after := r.status(t.Context(), node); len(after.Addresses) != 1 {
		t.Errorf("what the cloud said is gone: %v", after.Addresses)
	}
}

func TestMachine(t *testing.T) {
	m, err := ReadMachine(t.TempDir(), 110)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods} {
		if q := m.Capacity[name]; q.Sign() <= 0 {
			t.Errorf("capacity of %s is %v", name, &q)
		}
	}
	if m.Info.KernelVersion == "" || m.Info.BootID == "" {
		t.Errorf("the machine does not know itself: %+v", m.Info)
	}
}

func TestNewerNode(t *testing.T) {
	at := func(name, version string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
	}
	if !newer(at("n", "10"), at("n", "9")) || newer(at("n", "9"), at("n", "10")) {
		t.Error("versions are compared as text")
	}
}
