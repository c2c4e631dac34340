package cloudnodelifecycle

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	cloudfake "k8s.io/cloud-provider/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestNodesFollowTheirMachines(t *testing.T) {
	taint := corev1.Taint{Key: "node.cloudprovider.kubernetes.io/shutdown", Effect: corev1.TaintEffectNoSchedule}
	for reason, test := range map[string]struct {
		ready        corev1.ConditionStatus
		exists, down bool
		tainted      bool
		event        string
		there, marks bool
		again        bool
	}{
		"all is well":            {corev1.ConditionTrue, true, false, false, "", true, false, false},
		"it was shut down":       {corev1.ConditionTrue, true, false, true, "", true, false, false},
		"silent":                 {corev1.ConditionUnknown, true, false, false, "", true, false, true},
		"shut down":              {corev1.ConditionUnknown, true, true, false, "", true, true, true},
		"still shut down":        {corev1.ConditionUnknown, true, true, true, "", true, true, true},
		"gone":                   {corev1.ConditionFalse, false, false, false, "Normal DeletingNode Deleting node boat because it does not exist in the cloud provider", false, false, false},
		"gone, but it is heard ": {corev1.ConditionTrue, false, false, false, "", true, false, false},
	} {
		t.Run(reason, func(t *testing.T) {
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}}
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: test.ready}}
			if test.tainted {
				node.Spec.Taints = []corev1.Taint{taint}
			}
			cloud := &cloudfake.Cloud{EnableInstancesV2: true, ExistsByProviderID: test.exists, NodeShutdown: test.down}
			instances, _ := cloud.InstancesV2()
			api, recorder := fake.NewClientBuilder().WithObjects(node).Build(), record.NewFakeRecorder(9)
			c := &Controller{Client: api, Recorder: recorder, Instances: instances, Period: time.Second}
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil {
				t.Fatal(err)
			}
			result, err := c.Reconcile(t.Context(), node)
			if err != nil || (result.RequeueAfter > 0) != test.again {
				t.Errorf("%v %v", result, err)
			}
			got := &corev1.Node{}
			there := api.Get(t.Context(), client.ObjectKeyFromObject(node), got) == nil
			if marked := len(got.Spec.Taints) == 1 && got.Spec.Taints[0] == taint; there != test.there || marked != test.marks {
				t.Errorf("there: %t, taints %v", there, got.Spec.Taints)
			}
			event := ""
			if len(recorder.Events) > 0 {
				event = <-recorder.Events
			}
			if event != test.event {
				t.Errorf("event %q", event)
			}
		})
	}
}
