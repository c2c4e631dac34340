package nodedeclaredfeatures

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

func TestRefusesNodesThatDeclareTooLittle(t *testing.T) {
	restarting := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		RestartPolicyRules: []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestartAllContainers}},
	}}}}
	node := func(features ...string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{DeclaredFeatures: features}}
	}
	for _, test := range []struct {
		features []string
		fits     bool
	}{
		{nil, false},
		{[]string{"ExtendWebSocketsToKubelet", "Unheard"}, false},
		{[]string{"RestartAllContainersOnContainerExits"}, true},
	} {
		cycle := &profile.CycleState{}
		if _, status := (Plugin{}).PreFilter(t.Context(), cycle, restarting, nil); !status.IsSuccess() {
			t.Fatal(status)
		}
		status := Plugin{}.Filter(t.Context(), cycle, restarting, state.NewNodeInfo(node(test.features...)))
		if status.IsSuccess() != test.fits || !test.fits && (status.Code() != fwk.UnschedulableAndUnresolvable || status.Message() != "node(s) didn't match Pod's required features") {
			t.Errorf("a node that declares %q: %v", test.features, status)
		}
		if hint, err := declares(klog.Background(), restarting, nil, node(test.features...)); err != nil || (hint == fwk.Queue) != test.fits {
			t.Errorf("when a node declares %q the hint is %v: %v", test.features, hint, err)
		}
	}
	if _, status := (Plugin{}).PreFilter(t.Context(), &profile.CycleState{}, &corev1.Pod{}, nil); !status.IsSkip() {
		t.Error("a pod that needs nothing is looked at")
	}
}
