package kubelet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/types"
	kuberesource "k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/kubelet/cgroup"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// rejection is why a pod does not run, or not any longer.
type rejection struct {
	reason, message string
	// failed makes the phase Failed whatever the containers did.
	failed bool
	// atOnce leaves the containers no grace.
	atOnce bool
}

// admit lets a fresh pod run, unless it is over already or does not fit. What ran before the kubelet restarted goes on.
func (w *worker) admit(ctx context.Context, pod *corev1.Pod) {
	w.mu.Lock()
	if pod.Status.StartTime != nil {
		w.start = pod.Status.StartTime.Time
	} else {
		w.start = w.k.Clock.Now()
	}
	known := w.rt.Sandbox() != nil || pod.Status.StartTime != nil || w.gone || pod.DeletionTimestamp != nil
	w.mu.Unlock()
	over := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	if !known && !over {
		if r := w.k.tryAdmit(ctx, pod); r != nil {
			w.k.event(pod, "", corev1.EventTypeWarning, r.reason, r.message)
			w.setReject(r)
			w.enter(stateTerminated)
			return
		}
	} else if !over {
		w.k.take(pod)
	}
	w.enter(stateRunning)
}

// take counts a pod's requests against the node.
func (k *Kubelet) take(pod *corev1.Pod) {
	k.mu.Lock()
	k.admitted[pod.UID] = pod
	k.mu.Unlock()
}

// release gives a pod's requests back.
func (k *Kubelet) release(uid types.UID) {
	k.mu.Lock()
	_, held := k.admitted[uid]
	delete(k.admitted, uid)
	k.mu.Unlock()
	if held {
		k.retryResizes()
	}
}

// tryAdmit takes a pod if it fits, or says why it does not.
func (k *Kubelet) tryAdmit(ctx context.Context, pod *corev1.Pod) *rejection {
	if r := k.checkNode(ctx, pod); r != nil {
		return r
	}
	if r := k.checkSysctls(pod); r != nil {
		return r
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.checkRoom(pod); r != nil {
		return r
	}
	k.admitted[pod.UID] = pod
	return nil
}

// checkNode asks whether the pod's node selector and required affinity match this node.
func (k *Kubelet) checkNode(ctx context.Context, pod *corev1.Pod) *rejection {
	if len(pod.Spec.NodeSelector) == 0 && (pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil) {
		return nil
	}
	required := nodeaffinity.GetRequiredNodeAffinity(pod)
	if n := k.registrar.Node(); n != nil {
		if ok, err := required.Match(n); ok && err == nil {
			return nil
		}
	}
	n := &corev1.Node{}
	if err := k.Client.Get(ctx, client.ObjectKey{Name: k.NodeName}, n); err == nil {
		if ok, err := required.Match(n); ok && err == nil {
			return nil
		}
	}
	return &rejection{reason: "NodeAffinity", message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector", failed: true}
}

// checkRoom asks whether the pod's requests and host ports are free. The caller holds mu.
func (k *Kubelet) checkRoom(pod *corev1.Pod) *rejection {
	allocatable := k.Allocatable()
	used := map[corev1.ResourceName]int64{}
	var count int64
	ports := hostPorts(pod)
	for uid, other := range k.admitted {
		if uid == pod.UID {
			continue
		}
		count++
		for name, q := range kuberesource.PodRequests(other, kuberesource.PodResourcesOptions{}) {
			used[name] += amount(name, q.MilliValue(), q.Value())
		}
		if slices.ContainsFunc(hostPorts(other), func(p string) bool { return slices.Contains(ports, p) }) {
			return &rejection{reason: "NodePorts", message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports", failed: true}
		}
	}
	if limit := allocatable.Pods().Value(); count+1 > limit {
		return tooMuch("pods", 1, count, limit)
	}
	return k.checkCapacity(pod, used)
}

// checkCapacity asks whether the pod's requests fit beside what is used.
func (k *Kubelet) checkCapacity(pod *corev1.Pod, used map[corev1.ResourceName]int64) *rejection {
	allocatable := k.Allocatable()
	requests := kuberesource.PodRequests(pod, kuberesource.PodResourcesOptions{})
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		want, have := requests[name], allocatable[name]
		request, capacity := amount(name, want.MilliValue(), want.Value()), amount(name, have.MilliValue(), have.Value())
		if request > 0 && request+used[name] > capacity {
			return tooMuch(string(name), request, used[name], capacity)
		}
	}
	return nil
}

// amount is in thousandths for CPU, in units for everything else.
func amount(name corev1.ResourceName, milli, value int64) int64 {
	if name == corev1.ResourceCPU {
		return milli
	}
	return value
}

// rejected is how the message of a pod that does not fit begins.
const rejected = "Pod was rejected: "

func tooMuch(name string, requested, used, capacity int64) *rejection {
	return &rejection{
		reason: "OutOf" + name, failed: true,
		message: fmt.Sprintf(rejected+"Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d", name, requested, used, capacity),
	}
}

func hostPorts(pod *corev1.Pod) []string {
	var out []string
	for i := range pod.Spec.Containers {
		for _, p := range pod.Spec.Containers[i].Ports {
			if p.HostPort != 0 {
				out = append(out, fmt.Sprintf("%s/%s/%d", p.HostIP, p.Protocol, p.HostPort))
			}
		}
	}
	return out
}

// Sysctls that are isolated per pod and cannot harm others.
var safeSysctls = []string{
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}

func (k *Kubelet) checkSysctls(pod *corev1.Pod) *rejection {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	for _, s := range pod.Spec.SecurityContext.Sysctls {
		name := strings.ReplaceAll(s.Name, "/", ".")
		if strings.HasPrefix(name, "net.") && pod.Spec.HostNetwork || strings.HasPrefix(name, "kernel.sem") && pod.Spec.HostIPC {
			return &rejection{reason: "SysctlForbidden", message: fmt.Sprintf("forbidden sysctl: %q not allowed with host net/ipc enabled", s.Name), failed: true}
		}
		if slices.Contains(safeSysctls, name) || slices.ContainsFunc(k.AllowedUnsafeSysctls, func(a string) bool {
			prefix, wild := strings.CutSuffix(a, "*")
			return a == name || wild && strings.HasPrefix(name, prefix)
		}) {
			continue
		}
		return &rejection{reason: "SysctlForbidden", message: fmt.Sprintf("forbidden sysctl: %q not allowlisted", s.Name), failed: true}
	}
	return nil
}

// ensureCgroup makes the pod's control group, limited to the sum of its containers' limits if all have one.
func (k *Kubelet) ensureCgroup(pod *corev1.Pod) error {
	requests := kuberesource.PodRequests(pod, kuberesource.PodResourcesOptions{})
	limits := kuberesource.PodLimits(pod, kuberesource.PodResourcesOptions{})
	l := cgroup.Limits{Shares: runtime.Shares(requests.Cpu().MilliValue())}
	if limited(pod, corev1.ResourceCPU) {
		l.Quota, l.Period = runtime.Quota(limits.Cpu().MilliValue()), 100000
	}
	if limited(pod, corev1.ResourceMemory) {
		l.Memory = limits.Memory().Value()
	}
	return k.cgroups.Ensure(k.cgroups.PodPath(runtime.QOS(pod), pod.UID), l)
}

// limited says whether the pod as a whole is limited: by itself, or because every container is.
func limited(pod *corev1.Pod, name corev1.ResourceName) bool {
	if pod.Spec.Resources != nil {
		if _, ok := pod.Spec.Resources.Limits[name]; ok {
			return true
		}
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if q, ok := list[i].Resources.Limits[name]; !ok || q.IsZero() {
				return false
			}
		}
	}
	return true
}

// runtimeHandler is what the pod's RuntimeClass calls its runtime.
func (k *Kubelet) runtimeHandler(ctx context.Context, pod *corev1.Pod) (string, error) {
	if pod.Spec.RuntimeClassName == nil || *pod.Spec.RuntimeClassName == "" {
		return "", nil
	}
	rc := &nodev1.RuntimeClass{}
	if err := k.Client.Get(ctx, client.ObjectKey{Name: *pod.Spec.RuntimeClassName}, rc); err != nil {
		k.event(pod, "", corev1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		return "", fmt.Errorf("reading RuntimeClass %s: %w", *pod.Spec.RuntimeClassName, err)
	}
	return rc.Handler, nil
}

// services lists those that a pod of the namespace may get variables of, the API's own among them.
func (k *Kubelet) services(ctx context.Context, namespace string) ([]corev1.Service, error) {
	list := &corev1.ServiceList{}
	if err := k.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	out := list.Items
	if namespace != metaDefault {
		api := &corev1.Service{}
		if err := k.Client.Get(ctx, client.ObjectKey{Namespace: metaDefault, Name: "kubernetes"}, api); err == nil {
			out = append(slices.Clone(out), *api)
		} else if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
	}
	return out, nil
}

const metaDefault = corev1.NamespaceDefault

// pullSecrets returns the secrets that a pod names for pulling images, as far as they exist.
func (k *Kubelet) pullSecrets(ctx context.Context, pod *corev1.Pod) []*corev1.Secret {
	var out []*corev1.Secret
	for _, ref := range pod.Spec.ImagePullSecrets {
		s, err := k.Objects.Secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			k.event(pod, "", corev1.EventTypeWarning, "FailedToRetrieveImagePullSecret", fmt.Sprintf("Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", ref.Name))
			continue
		}
		out = append(out, s)
	}
	return out
}

// imagesInUse are the images of all containers that the runtime has.
func (k *Kubelet) imagesInUse(ctx context.Context) (map[string]bool, error) {
	pods, err := k.runtime.List(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, p := range pods {
		for _, c := range p.Containers {
			used[c.ImageRef], used[c.Image] = true, true
		}
	}
	return used, nil
}
