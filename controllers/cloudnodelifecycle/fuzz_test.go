package cloudnodelifecycle

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	cloudfake "k8s.io/cloud-provider/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored, and no cloud, makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		node := &corev1.Node{}
		fill.Fill(node)
		cloud := &cloudfake.Cloud{EnableInstancesV2: true}
		fill.Fill(&cloud.ExistsByProviderID)
		fill.Fill(&cloud.NodeShutdown)
		if node.Generation == 1 {
			cloud.ErrShutdownByProviderID = errors.New("fog")
		}
		instances, _ := cloud.InstancesV2()
		c := &Controller{Client: fill.NewClient(clientgoscheme.Scheme), Recorder: &record.FakeRecorder{}, Instances: instances, Period: time.Second}
		_, _ = c.Reconcile(t.Context(), node)
	})
}
