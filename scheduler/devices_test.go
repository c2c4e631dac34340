package scheduler

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lends adds two devices to node a, and a class by which pods may ask for them.
func (f *fixture) lends() {
	f.Helper()
	for _, o := range []client.Object{
		&resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "gpu.example.com", NodeName: ptr.To("a"), Pool: resourcev1.ResourcePool{Name: "a", Generation: 1, ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "gpu-0"}, {Name: "gpu-1"}},
		}},
		&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourcev1.DeviceClassSpec{ExtendedResourceName: ptr.To("example.com/gpu")}},
	} {
		if err := f.Client.Create(f.Context(), o); err != nil {
			f.Fatal(err)
		}
	}
}

func wanting(name, gpus string) *corev1.Pod {
	p := pod(name, "100m")
	p.Spec.Containers[0].Resources.Requests["example.com/gpu"] = resource.MustParse(gpus)
	return p
}

func TestExtendedResourcesByDeviceClasses(t *testing.T) {
	f := newFixture(t)
	f.running = true
	f.nodes("a", "b")
	f.comes(wanting("early", "2"))
	f.same("without a class", f.tries(), "Warning FailedScheduling 0/2 nodes are available: 2 Insufficient example.com/gpu. no new claims to deallocate, "+
		"preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.")
	f.lends()
	class := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourcev1.DeviceClassSpec{ExtendedResourceName: ptr.To("example.com/gpu")}}
	f.queue.Move(fwk.ClusterEvent{Resource: fwk.DeviceClass, ActionType: fwk.Add}, nil, class)
	f.clock.Step(f.queue.InitialBackoff)
	f.same("with one", f.tries(), "Normal Scheduled Successfully assigned default/early to a")
	claimed := f.read("early").Status.ExtendedResourceClaimStatus
	if claimed == nil || len(claimed.RequestMappings) != 1 {
		t.Fatalf("the pod has %+v", claimed)
	}
	late := wanting("late", "1")
	f.comes(late)
	f.same("when all are taken", f.tries(), "Warning FailedScheduling 0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, "+
		"preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.")
	refusal := func(details string) []Refusal {
		return []Refusal{{Plugin: "DynamicResources", Reasons: []string{"cannot allocate all claims"}, Details: []string{details}}}
	}
	want := []NodeOpinion{
		{Name: "a", Refusals: refusal("extended resources: wants 1 of class gpu, free 0 of 2")},
		{Name: "b", Refusals: refusal("extended resources: wants 1 of class gpu, free 0 of 0")},
	}
	if diff := cmp.Diff(want, f.explains(late).Nodes); diff != "" {
		t.Error(diff)
	}
}

func TestExplainSaysWhatNodesDoNotDeclare(t *testing.T) {
	f := newFixture(t)
	f.running = true
	f.nodes("a")
	p := pod("p", "1")
	p.Spec.Containers[0].RestartPolicyRules = []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestartAllContainers}}
	f.comes(p)
	f.same("the event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 node(s) didn't match Pod's required features. no new claims to deallocate, "+
		"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.")
	want := []NodeOpinion{{Name: "a", Refusals: []Refusal{{
		Plugin: "NodeDeclaredFeatures", Reasons: []string{"node(s) didn't match Pod's required features"}, Details: []string{"does not declare RestartAllContainersOnContainerExits"},
	}}}}
	if diff := cmp.Diff(want, f.explains(p).Nodes); diff != "" {
		t.Error(diff)
	}
	able := node("a")
	able.Status.DeclaredFeatures = []string{"RestartAllContainersOnContainerExits"}
	f.nodeUpdated(node("a"), able)
	f.clock.Step(f.queue.InitialBackoff)
	f.same("once the node declares it", f.tries(), "Normal Scheduled Successfully assigned default/p to a")
}
