package cloudnode

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	cloudprovider "k8s.io/cloud-provider"
	cloudfake "k8s.io/cloud-provider/fake"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestInitializesNodes(t *testing.T) {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "boat"},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{
			{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule}, {Key: "other"},
		}},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "boat"}}},
	}
	cloud := &cloudfake.Cloud{
		EnableInstancesV2: true, ProviderID: map[types.NodeName]string{"boat": "sea://boat"}, Zone: cloudprovider.Zone{FailureDomain: "north", Region: "atlantic"},
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}},
	}
	instances, _ := cloud.InstancesV2()
	api := fake.NewClientBuilder().WithObjects(node).WithStatusSubresource(node).Build()
	recorder := record.NewFakeRecorder(9)
	c := &Controller{Client: api, Recorder: recorder, Instances: instances}
	read := func() *corev1.Node {
		got := &corev1.Node{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(node), got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	cloud.MetadataErr = errors.New("fog")
	if _, err := c.Reconcile(t.Context(), read()); err == nil || !uninitialized(read()) {
		t.Errorf("a node that the cloud does not know was let in: %v", err)
	}
	cloud.MetadataErr = nil
	for range 2 { // the second time nothing is left to do
		if _, err := c.Reconcile(t.Context(), read()); err != nil {
			t.Fatal(err)
		}
	}
	got := read()
	want := map[string]string{
		"topology.kubernetes.io/zone": "north", "failure-domain.beta.kubernetes.io/zone": "north", "topology.kubernetes.io/region": "atlantic", "failure-domain.beta.kubernetes.io/region": "atlantic",
	}
	if diff := cmp.Diff(want, got.Labels); diff != "" {
		t.Error(diff)
	}
	if len(got.Spec.Taints) != 1 || got.Spec.ProviderID != "sea://boat" || len(got.Status.Addresses) != 2 {
		t.Errorf("%v %v", got.Spec, got.Status.Addresses)
	}
	if event := <-recorder.Events; event != "Normal Synced Node synced successfully" || len(recorder.Events) > 0 {
		t.Errorf("%q and %d more", event, len(recorder.Events))
	}
}

// What the cloud says later of the addresses is written; what it says again is not.
func TestRefreshesAddresses(t *testing.T) {
	cloud := &cloudfake.Cloud{EnableInstancesV2: true, Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}, {Type: corev1.NodeInternalIP, Address: "fd00::1"}}}
	instances, _ := cloud.InstancesV2()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "boat"}}}}
	fresh := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized"}}}}
	api := fake.NewClientBuilder().WithObjects(node, fresh).WithStatusSubresource(node).Build()
	now := clocktesting.NewFakeClock(fuzzing.Now())
	c := &Controller{Client: api, Recorder: record.NewFakeRecorder(9), Instances: instances, Clock: now, Period: 5 * time.Minute}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := c.refresh(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	var versions []string
	for range 2 {
		now.Step(5 * time.Minute)
		woken, _ := queue.Get()
		queue.Done(woken)
		if woken.Name != "boat" {
			t.Fatalf("%s was woken", woken.Name)
		}
		got := &corev1.Node{}
		if err := api.Get(t.Context(), woken.NamespacedName, got); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reconcile(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		if err := api.Get(t.Context(), woken.NamespacedName, got); err != nil || len(got.Status.Addresses) != 3 {
			t.Errorf("%v %v", got.Status.Addresses, err)
		}
		versions = append(versions, got.ResourceVersion)
	}
	if versions[0] != versions[1] {
		t.Error("the same addresses were written again")
	}
	cloud.MetadataErr = errors.New("fog")
	if _, err := c.Reconcile(t.Context(), node); err != nil {
		t.Errorf("it would be asked again at once: %v", err)
	}
}

// A kubelet that was told its addresses has these, and no others of their kind; the cloud must know them.
func TestAddressesThatWereProvided(t *testing.T) {
	known := []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}, {Type: corev1.NodeInternalIP, Address: "10.0.0.2"}, {Type: corev1.NodeInternalIP, Address: "fd00::2"},
		{Type: corev1.NodeExternalIP, Address: "192.0.2.1"}, {Type: corev1.NodeHostName, Address: "boat"},
	}
	for provided, want := range map[string]string{
		"10.0.0.2":         "10.0.0.2 192.0.2.1 boat",
		"fd00::2,10.0.0.1": "fd00::2 10.0.0.1 192.0.2.1 boat",
		"192.0.2.1":        "192.0.2.1 10.0.0.1 10.0.0.2 fd00::2 boat",
		"10.9.9.9":         "failed to get node address from cloud provider that matches ip: 10.9.9.9",
		"sea":              `failed to parse node IP "sea": ParseAddr("sea"): unable to parse IP`,
	} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"alpha.kubernetes.io/provided-node-ip": provided}}}
		all, err := addresses(node, known)
		var got []string
		for _, a := range all {
			got = append(got, a.Address)
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: %s, want %s", provided, got, want)
		}
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		node, known := &corev1.Node{}, &cloudprovider.InstanceMetadata{}
		fill.Fill(node)
		fill.Fill(known)
		_, _ = addresses(node, known.NodeAddresses)
		if describe(node, known); uninitialized(node) {
			t.Error("the taint is still there")
		}
	})
}
