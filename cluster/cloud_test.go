package cluster

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A Service of type LoadBalancer gets the addresses of the nodes, and the finalizer with which it waits for their removal.
func TestLoadBalancersHaveTheAddressesOfNodes(t *testing.T) {
	options := ForTest(t.TempDir())
	options.Disable = slices.DeleteFunc(options.Disable, func(part string) bool { return part == CloudControllers })
	_, c := started(t, options)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(80)}}},
	}
	must(c.Create(t.Context(), service))
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}}
	must(c.Create(t.Context(), node))
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.7"}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}
	must(c.Status().Update(t.Context(), node))
	awaitObject(t, c, service, "the address of the node", func(error) bool {
		ingress := service.Status.LoadBalancer.Ingress
		return len(ingress) == 1 && ingress[0].IP == "192.0.2.7" && slices.Contains(service.Finalizers, "service.kubernetes.io/load-balancer-cleanup")
	})
	second := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "second"}, Spec: corev1.ServiceSpec{Type: service.Spec.Type, Ports: []corev1.ServicePort{{Port: 80}}}}
	must(c.Create(t.Context(), second))
	first := service
	service = second
	awaitObject(t, c, service, "that it is seen", func(error) bool { return len(service.Finalizers) > 0 })
	if len(service.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("both have a port of one address: %v", service.Status)
	}
	must(c.Delete(t.Context(), first))
	awaitObject(t, c, service, "the address that the first had", func(error) bool { return len(service.Status.LoadBalancer.Ingress) == 1 })
	must(c.Delete(t.Context(), service))
	awaitObject(t, c, service, "that it goes", apierrors.IsNotFound)
}
