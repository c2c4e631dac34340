package simulated

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
)

func TestWhatBecomesOfPods(t *testing.T) {
	clock := clocktesting.NewFakeClock(metav1.Now().Time)
	p := &pods{Nodes: &Nodes{Clock: clock}, addresses: newAddresses(netip.MustParsePrefix("10.42.0.0/16"))}
	for name, test := range map[string]struct {
		policy      corev1.RestartPolicy
		annotations map[string]string
		phase       corev1.PodPhase
		ready       bool
	}{
		"server":       {corev1.RestartPolicyAlways, nil, corev1.PodRunning, true},
		"not ready":    {corev1.RestartPolicyAlways, map[string]string{Ready: "false"}, corev1.PodRunning, false},
		"job":          {corev1.RestartPolicyNever, nil, corev1.PodSucceeded, false},
		"restarted":    {corev1.RestartPolicyOnFailure, nil, corev1.PodSucceeded, false},
		"job that was": {corev1.RestartPolicyNever, map[string]string{ExitCode: "3"}, corev1.PodFailed, false},
	} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Annotations: test.annotations},
			Spec: corev1.PodSpec{
				NodeName: "simulated-1", RestartPolicy: test.policy,
				InitContainers: []corev1.Container{{Name: "first", Image: "i"}, {Name: "sidecar", Image: "i", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}},
				Containers:     []corev1.Container{{Name: "main", Image: "i"}},
			},
		}
		got := p.status(pod)
		ready := corev1.ConditionFalse
		for _, condition := range got.Conditions {
			if condition.Type == corev1.PodReady {
				ready = condition.Status
			}
		}
		if got.Phase != test.phase || (ready == corev1.ConditionTrue) != test.ready {
			t.Errorf("%s: %s, ready %s; want %s, %t", name, got.Phase, ready, test.phase, test.ready)
		}
		if test.phase == corev1.PodRunning && got.PodIP == "" {
			t.Errorf("%s has no address", name)
		}
	}
}

func TestAddressesAreOnesOwn(t *testing.T) {
	a := newAddresses(netip.MustParsePrefix("10.0.0.0/30"))
	pod := func(uid string) *corev1.Pod { return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid)}} }
	one, two, again := a.of(pod("1")), a.of(pod("2")), a.of(pod("1"))
	if one != again || one == two {
		t.Errorf("pods have %s and %s, then %s", one, two, again)
	}
	a.release("1")
	a.of(pod("3"))
	if got := a.of(pod("4")); got != one {
		t.Errorf("the address that was released is not given again, but %s", got)
	}
}
