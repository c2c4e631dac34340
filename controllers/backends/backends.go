package backends

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Pods lists the pods that a service selects. They are shared with the cache: read-only.
func Pods(ctx context.Context, c client.Reader, svc *corev1.Service) ([]*corev1.Pod, error) {
	var list corev1.PodList
	err := c.List(ctx, &list, client.InNamespace(svc.Namespace),
		client.MatchingLabels(svc.Spec.Selector), client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing pods of service %s: %w", svc.Name, err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

// Included says whether a pod is an endpoint at all: it has an address, has not
// finished, and is not being deleted unless those count too.
func Included(pod *corev1.Pod, terminating bool) bool {
	if podcontrol.IsFinished(pod) || (pod.Status.PodIP == "" && len(pod.Status.PodIPs) == 0) {
		return false
	}
	return terminating || pod.DeletionTimestamp == nil
}

// Port is the number on which pod serves a port of a service: the number itself, or the
// container port (init containers that keep running included) of that name and protocol.
func Port(pod *corev1.Pod, port *corev1.ServicePort) (int32, bool) {
	if port.TargetPort.Type == intstr.Int {
		if n := port.TargetPort.IntVal; n != 0 {
			return n, true
		}
		return port.Port, true
	}
	for i := range pod.Spec.Containers {
		if n, ok := named(pod.Spec.Containers[i].Ports, port); ok {
			return n, true
		}
	}
	for i := range pod.Spec.InitContainers {
		always := pod.Spec.InitContainers[i].RestartPolicy
		if always == nil || *always != corev1.ContainerRestartPolicyAlways {
			continue
		}
		if n, ok := named(pod.Spec.InitContainers[i].Ports, port); ok {
			return n, true
		}
	}
	return 0, false
}

func named(ports []corev1.ContainerPort, port *corev1.ServicePort) (int32, bool) {
	protocol := port.Protocol
	if protocol == "" {
		protocol = corev1.ProtocolTCP
	}
	for _, candidate := range ports {
		have := candidate.Protocol
		if have == "" {
			have = corev1.ProtocolTCP
		}
		if candidate.Name == port.TargetPort.StrVal && have == protocol {
			return candidate.ContainerPort, true
		}
	}
	return 0, false
}

// Address is the pod's address of a family.
func Address(pod *corev1.Pod, family corev1.IPFamily) (string, bool) {
	ips := pod.Status.PodIPs
	if len(ips) == 0 {
		ips = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
	for _, ip := range ips {
		addr, err := netip.ParseAddr(ip.IP)
		if err == nil && addr.Unmap().Is4() == (family == corev1.IPv4Protocol) {
			return ip.IP, true
		}
	}
	return "", false
}

// Hostname is the pod's own DNS name below a service, if it asks for one.
func Hostname(pod *corev1.Pod, svc *corev1.Service) (string, bool) {
	if pod.Spec.Hostname == "" || pod.Spec.Subdomain != svc.Name || pod.Namespace != svc.Namespace {
		return "", false
	}
	return pod.Spec.Hostname, true
}

// LastChange is the latest moment at which a pod became or ceased to be ready, or the
// service was created: what the last-change annotation of endpoints says.
func LastChange(svc *corev1.Service, pods []*corev1.Pod) time.Time {
	last := svc.CreationTimestamp.Time
	for _, pod := range pods {
		if ready := podcontrol.Condition(pod, corev1.PodReady); ready != nil && ready.LastTransitionTime.After(last) {
			last = ready.LastTransitionTime.Time
		}
	}
	return last
}

// WakeServices wakes the services that select a pod, as it is and as it was.
func WakeServices(informers cache.Informers) handler.EventHandler {
	return waker{kit.InNamespace(informers, &corev1.Service{})}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// waker implements handler.EventHandler.
type waker struct {
	services func(ctx context.Context, namespace string, look func(*corev1.Service))
}

// Create implements handler.EventHandler.
func (w waker) Create(ctx context.Context, e event.CreateEvent, q queue) {
	w.one(ctx, e.Object, q)
}

// Update implements handler.EventHandler.
func (w waker) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	before, after := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
	switch {
	case !matters(before, after):
	case maps.Equal(before.Labels, after.Labels):
		w.wake(ctx, after.Namespace, q, after.Labels)
	default:
		w.wake(ctx, after.Namespace, q, before.Labels, after.Labels)
	}
}

// Delete implements handler.EventHandler.
func (w waker) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	w.one(ctx, e.Object, q)
}

// Generic implements handler.EventHandler.
func (waker) Generic(context.Context, event.GenericEvent, queue) {}

// one wakes for a pod that comes or goes.
func (w waker) one(ctx context.Context, obj client.Object, q queue) {
	if pod, ok := obj.(*corev1.Pod); ok && Included(pod, true) {
		w.wake(ctx, pod.Namespace, q, pod.Labels)
	}
}

func (w waker) wake(ctx context.Context, namespace string, q queue, podLabels ...map[string]string) {
	w.services(ctx, namespace, func(svc *corev1.Service) {
		if len(svc.Spec.Selector) == 0 {
			return
		}
		selector := labels.SelectorFromSet(svc.Spec.Selector)
		for _, set := range podLabels {
			if selector.Matches(labels.Set(set)) {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(svc)})
				return
			}
		}
	})
}

// matters says whether an update of a pod can change any endpoint.
func matters(before, after *corev1.Pod) bool {
	if !Included(before, true) && !Included(after, true) {
		return false
	}
	return before.Spec.NodeName != after.Spec.NodeName ||
		(before.DeletionTimestamp == nil) != (after.DeletionTimestamp == nil) ||
		podcontrol.IsReady(before) != podcontrol.IsReady(after) ||
		podcontrol.IsFinished(before) != podcontrol.IsFinished(after) ||
		before.Status.PodIP != after.Status.PodIP ||
		!equality.Semantic.DeepEqual(before.Status.PodIPs, after.Status.PodIPs) ||
		!maps.Equal(before.Labels, after.Labels)
}
