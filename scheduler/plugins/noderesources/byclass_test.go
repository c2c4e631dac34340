package noderesources

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// counted are two devices on each node, of which none is taken.
type counted struct{}

func (counted) Count(context.Context, *corev1.Node, *resourcev1.DeviceClass) (taken, all int64) {
	return 0, 2
}

// The scores are those that kube-scheduler v1.36.3 gives: devices of a class count where the node has none of the resource itself.
func TestDevicesCountLikeResources(t *testing.T) {
	reader := fake.NewClientBuilder().WithObjects(&resourcev1.DeviceClass{
		ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourcev1.DeviceClassSpec{ExtendedResourceName: ptr.To("example.com/gpu")},
	}).Build()
	fit := &Fit{
		Strategy: Strategy{Type: schedulerv1.MostAllocated, Resources: weighted("cpu", "2*example.com/gpu")}, Client: reader,
		Devices: func(context.Context) (Devices, error) { return counted{}, nil },
	}
	node := func(amounts string) fwk.NodeInfo {
		n := &corev1.Node{}
		n.Status.Allocatable = list(amounts + " pods=110")
		return state.NewNodeInfo(n)
	}
	pod, cycle := asking("cpu=1 example.com/gpu=1"), &profile.CycleState{}
	if _, status := fit.PreFilter(t.Context(), cycle, pod, nil); !status.IsSuccess() || !ByClass(cycle) {
		t.Fatal(status)
	}
	for _, test := range []struct {
		node string
		want int64
	}{{"cpu=4", 41}, {"cpu=4 example.com/gpu=4", 25}, {"cpu=4 example.com/gpu=0", 41}} {
		if status := fit.Filter(t.Context(), cycle, pod, node(test.node)); !status.IsSuccess() {
			t.Errorf("%s is refused: %v", test.node, status)
		}
		if got, _ := fit.Score(t.Context(), cycle, pod, node(test.node)); got != test.want {
			t.Errorf("%s: %d, want %d", test.node, got, test.want)
		}
	}
	plenty, cycle := asking("example.com/gpu=5"), &profile.CycleState{}
	fit.PreFilter(t.Context(), cycle, plenty, nil)
	if status := fit.Filter(t.Context(), cycle, plenty, node("cpu=4 example.com/gpu=4")); status.Message() != "Insufficient example.com/gpu" {
		t.Errorf("a node with too few of its own: %v", status)
	}
}
