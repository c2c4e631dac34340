package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	cloudapi "k8s.io/cloud-provider/api"
	cloudfake "k8s.io/cloud-provider/fake"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// fixture is a cluster with one node and one Service in a fake cloud.
type fixture struct {
	*testing.T
	controller *Controller
	cloud      *cloudfake.Cloud
	recorder   *record.FakeRecorder
	key        client.ObjectKey
}

func node(name, ready string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionStatus(ready)}}},
	}
}

func newFixture(t *testing.T) *fixture {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "1"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	api := fake.NewClientBuilder().WithObjects(service, node("boat", "True"), node("wreck", "Unknown")).WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: patchAll}).Build()
	f := &fixture{T: t, cloud: &cloudfake.Cloud{}, recorder: record.NewFakeRecorder(100), key: client.ObjectKeyFromObject(service)}
	provider, _ := f.cloud.LoadBalancer()
	f.controller = &Controller{Client: api, Recorder: f.recorder, Provider: provider, ClusterName: "test"}
	return f
}

// patchAll writes metadata as well as the status, as the status of a Service lets one.
func patchAll(ctx context.Context, c client.Client, _ string, obj client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	all := obj.DeepCopyObject().(client.Object)
	if err := c.Update(ctx, all); err != nil {
		return err
	}
	obj.SetResourceVersion(all.GetResourceVersion())
	return c.Status().Update(ctx, obj)
}

func (f *fixture) service() *corev1.Service {
	f.Helper()
	service := &corev1.Service{}
	if err := f.controller.Client.Get(f.Context(), f.key, service); err != nil {
		f.Fatal(err)
	}
	return service
}

func (f *fixture) change(mutate func(*corev1.Service)) {
	f.Helper()
	service := f.service()
	mutate(service)
	if err := f.controller.Client.Update(f.Context(), service); err != nil {
		f.Fatal(err)
	}
}

// does reconciles until nothing happens, and compares what the cloud was asked for and what was told.
func (f *fixture) does(calls []string, events ...string) {
	f.Helper()
	f.cloud.ClearCalls()
	var failed error
	for range 3 {
		if _, err := f.controller.Reconcile(f.Context(), f.service()); err != nil {
			failed = err
			break
		}
	}
	called := slices.DeleteFunc(slices.Clone(f.cloud.Calls), func(call string) bool { return call == "get-zone" })
	if !slices.Equal(calls, called) {
		f.Errorf("calls %q, want %q", called, calls)
	}
	var told []string
	for len(f.recorder.Events) > 0 {
		told = append(told, <-f.recorder.Events)
	}
	if !slices.Equal(told, events) {
		f.Errorf("told %q\nwant %q (%v)", told, events, failed)
	}
}

func TestLoadBalancer(t *testing.T) {
	f := newFixture(t)
	registry := prometheus.NewRegistry()
	f.controller.metrics = newMetrics(registry, clock.RealClock{})
	f.does([]string{"create"}, "Normal EnsuringLoadBalancer Ensuring load balancer", "Normal EnsuredLoadBalancer Ensured load balancer")
	got := f.service()
	if !slices.Contains(got.Finalizers, finalizer) || len(got.Status.LoadBalancer.Ingress) != 1 {
		t.Errorf("%v %v", got.Finalizers, got.Status)
	}
	f.does(nil)
	f.change(func(s *corev1.Service) { s.Labels = map[string]string{"a": "b"} })
	f.does(nil)
	f.change(func(s *corev1.Service) { s.Spec.Ports[0].Port = 81 })
	f.does([]string{"create"}, "Normal EnsuringLoadBalancer Ensuring load balancer", "Normal EnsuredLoadBalancer Ensured load balancer")

	if err := f.controller.Client.Create(t.Context(), node("raft", "True")); err != nil {
		t.Fatal(err)
	}
	f.does([]string{"update"}, "Normal UpdatedLoadBalancer Updated load balancer with new hosts")

	f.change(func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
	f.does([]string{"delete"}, "Normal DeletingLoadBalancer Deleting load balancer", "Normal DeletedLoadBalancer Deleted load balancer")
	if got := f.service(); len(got.Finalizers) > 0 || len(got.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("%v %v", got.Finalizers, got.Status)
	}
	f.does(nil)
	all := fuzzing.Metrics(t, registry)
	if syncs, hosts := all["service_controller_loadbalancer_sync_total"], all["service_controller_update_loadbalancer_host_latency_seconds"]; syncs != 3 || hosts != 1 {
		t.Errorf("%v times configured, %v of them for nodes, want 3 and 1", syncs, hosts)
	}
}

func TestLoadBalancerOfAnotherClass(t *testing.T) {
	f := newFixture(t)
	f.change(func(s *corev1.Service) { s.Spec.LoadBalancerClass = ptr.To("example.com/balancer") })
	f.does(nil)
	if got := f.service(); len(got.Finalizers) > 0 {
		t.Errorf("%v", got.Finalizers)
	}
	f.change(func(s *corev1.Service) { s.Finalizers = []string{finalizer} }) // whoever serves the class may use the same
	f.does(nil)
	if got := f.service(); len(got.Finalizers) != 1 {
		t.Errorf("%v", got.Finalizers)
	}
}

func TestLoadBalancerOfAServiceThatGetsAClass(t *testing.T) {
	f := newFixture(t)
	f.does([]string{"create"}, "Normal EnsuringLoadBalancer Ensuring load balancer", "Normal EnsuredLoadBalancer Ensured load balancer")
	f.change(func(s *corev1.Service) { s.Spec.LoadBalancerClass = ptr.To("example.com/balancer") })
	f.does([]string{"delete"}, "Normal DeletingLoadBalancer Deleting load balancer", "Normal DeletedLoadBalancer Deleted load balancer")
	if got := f.service(); len(got.Finalizers) > 0 {
		t.Errorf("%v", got.Finalizers)
	}
}

// followed is a cloud that is asked anew whenever endpoints change.
type followed struct{ cloudprovider.LoadBalancer }

func (followed) FollowsEndpoints() bool { return true }

// A cache that does not show our own writes yet leads to conflicts, and to nothing that is told twice.
func TestTellsOnceAlthoughTheCacheIsBehind(t *testing.T) {
	f := newFixture(t)
	f.controller.Provider = followed{f.controller.Provider}
	old := f.service()
	f.does([]string{"create", "create", "create"}, "Normal EnsuringLoadBalancer Ensuring load balancer", "Normal EnsuredLoadBalancer Ensured load balancer")
	for range 2 {
		if result, err := f.controller.Reconcile(t.Context(), old); err != nil || result.RequeueAfter == 0 {
			t.Errorf("what was read is old, but it is not tried again: %v %v", result, err)
		}
	}
	f.does([]string{"create", "create", "create"})
}

func TestCloudFails(t *testing.T) {
	f := newFixture(t)
	f.cloud.Err = errors.New("no more addresses")
	failed := "Warning SyncLoadBalancerFailed Error syncing load balancer: failed to ensure load balancer: no more addresses"
	f.does([]string{"create"}, "Normal EnsuringLoadBalancer Ensuring load balancer", failed)
	f.does([]string{"create"}, "Normal EnsuringLoadBalancer Ensuring load balancer", failed)
	f.cloud.Err = cloudprovider.ImplementedElsewhere
	f.does([]string{"create"}, "Normal EnsuringLoadBalancer Ensuring load balancer")
	f.cloud.Err = nil
	f.does(nil)
}

// refused is what becomes of an attempt that a provider refuses which tells when to ask again.
func (f *fixture) refused() error {
	f.cloud.Err = errors.New("the port is taken")
	f.controller.Provider = followed{f.controller.Provider}
	_, err := f.controller.Reconcile(f.Context(), f.service())
	return err
}

// Who could not have a port hears when another gives it up, and nobody else does.
func TestFreedPortsAreOfferedToOthers(t *testing.T) {
	f := newFixture(t)
	for name, port := range map[string]int32{"same": 80, "another": 81} {
		other := f.service().DeepCopy()
		other.Name, other.UID, other.ResourceVersion, other.Spec.Ports = name, types.UID(name), "", []corev1.ServicePort{{Port: port}}
		if err := f.controller.Client.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.controller.sharers(t.Context(), f.service()); len(got) != 1 || got[0].Name != "same" {
		t.Errorf("woken: %v", got)
	}
	if err := f.refused(); !errors.Is(err, reconcile.TerminalError(nil)) {
		t.Errorf("one that is refused asks again although nothing has changed: %v", err)
	}
	if err := f.refused(); err != nil || len(f.recorder.Events) != 2 {
		t.Errorf("woken by its own finalizer it tells again: %v, %d events", err, len(f.recorder.Events))
	}
	without := f.service()
	with := without.DeepCopy()
	with.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}
	moved := with.DeepCopy()
	moved.Spec.Ports = []corev1.ServicePort{{Port: 82}}
	inside := with.DeepCopy()
	inside.Spec.Type = corev1.ServiceTypeClusterIP
	if !frees(with, without) || !frees(with, nil) || !frees(with, moved) || !frees(with, inside) || frees(without, with) || frees(with, with.DeepCopy()) || frees(inside, nil) {
		t.Error("it is not told who gives a port up")
	}
}

func TestCloudSaysWhenToAskAgain(t *testing.T) {
	f := newFixture(t)
	f.cloud.Err = cloudapi.NewRetryError("busy", time.Hour)
	if result, err := f.controller.Reconcile(t.Context(), f.service()); err != nil || result.RequeueAfter != time.Hour {
		t.Errorf("%v %v", result, err)
	}
}

func TestHosts(t *testing.T) {
	for reason, change := range map[string]func(*corev1.Node){
		"excluded": func(n *corev1.Node) {
			n.Labels = map[string]string{"node.kubernetes.io/exclude-from-external-load-balancers": ""}
		},
		"about to go":       func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: toBeDeleted}} },
		"going":             func(n *corev1.Node) { n.DeletionTimestamp = &metav1.Time{} },
		"not ready":         func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse },
		"never heard of":    func(n *corev1.Node) { n.Status.Conditions = nil },
		"not known to live": func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown },
	} {
		n := node("boat", "True")
		if !eligible(n) {
			t.Fatal("a good node is refused")
		}
		if change(n); eligible(n) {
			t.Errorf("a node that is %s gets traffic", reason)
		}
	}
}

func TestOfAnotherTypeNothingElseIsTold(t *testing.T) {
	recorder := record.NewFakeRecorder(10)
	before := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyCluster}}
	(&Controller{Recorder: recorder}).tell(before, &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP}})
	if got := <-recorder.Events; len(recorder.Events) > 0 || !strings.Contains(got, "LoadBalancer -> ClusterIP") {
		t.Errorf("event %q and %d more", got, len(recorder.Events))
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		before, after, n := &corev1.Service{}, &corev1.Service{}, &corev1.Node{}
		for _, o := range []any{before, after, n} {
			fill.Fill(o)
		}
		c := &Controller{Recorder: record.NewFakeRecorder(100)}
		c.tell(before, after)
		_ = wishOf(after)
		if strings.Contains(signature(n), "\n") {
			t.Error(signature(n))
		}
	})
}
