package kubelet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// allocate returns the pod with the resources that the node grants it: those of its specification, or the former ones
// while a resize does not fit. What was granted first is what the pod was admitted with.
func (w *worker) allocate(pod *corev1.Pod) *corev1.Pod {
	wanted := resourcesOf(pod)
	w.mu.Lock()
	if w.granted == nil {
		w.granted = grantedBefore(pod, wanted)
	}
	granted := w.granted
	w.mu.Unlock()
	if equality.Semantic.DeepEqual(granted, wanted) {
		w.grant(wanted, "", "")
		return pod
	}
	reason, message := w.k.admitResize(pod)
	if reason == "" {
		w.grant(wanted, "", "")
		return pod
	}
	w.grant(granted, reason, message)
	held := pod.DeepCopy()
	for _, list := range [][]corev1.Container{held.Spec.InitContainers, held.Spec.Containers} {
		for i := range list {
			if r, ok := granted[list[i].Name]; ok {
				list[i].Resources = r
			}
		}
	}
	return held
}

// grantedBefore is what an earlier life of the kubelet granted, as the pod's status says it.
func grantedBefore(pod *corev1.Pod, wanted map[string]corev1.ResourceRequirements) map[string]corev1.ResourceRequirements {
	out := maps.Clone(wanted)
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if s := &list[i]; s.Resources != nil && s.State.Running != nil {
				r := out[s.Name]
				r.Limits, r.Requests = s.Resources.Limits, s.AllocatedResources
				out[s.Name] = r
			}
		}
	}
	return out
}

func (w *worker) grant(resources map[string]corev1.ResourceRequirements, reason, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.granted, w.resizePending, w.resizeWhy = resources, reason, message
}

func resourcesOf(pod *corev1.Pod) map[string]corev1.ResourceRequirements {
	out := map[string]corev1.ResourceRequirements{}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			out[list[i].Name] = list[i].Resources
		}
	}
	return out
}

// admitResize takes a pod's new requests if they fit, or says why they do not, now or ever.
func (k *Kubelet) admitResize(pod *corev1.Pod) (reason, message string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.checkCapacity(pod, map[corev1.ResourceName]int64{}); r != nil {
		return corev1.PodReasonInfeasible, strings.TrimPrefix(r.message, rejected)
	}
	if r := k.checkRoom(pod); r != nil {
		return corev1.PodReasonDeferred, strings.TrimPrefix(r.message, rejected)
	}
	k.admitted[pod.UID] = pod
	return "", ""
}

// resize brings running containers to the resources of the pod: in place, or by a restart where their policy wants one.
func (w *worker) resize(ctx context.Context, pod *corev1.Pod) error {
	var restart []plan.Kill
	var inPlace []*corev1.Container
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			current := w.rt.Current(c.Name)
			if !current.Running() || current.Resources == nil {
				continue
			}
			cpu, memory := runtime.Differ(w.k.node.Resources(pod, c), current.Resources)
			switch {
			case !cpu && !memory:
				w.setApplied(c)
			case cpu && restartsFor(c, corev1.ResourceCPU) || memory && restartsFor(c, corev1.ResourceMemory):
				restart = append(restart, plan.Kill{Container: current, Spec: c, Message: fmt.Sprintf("Container %s resize requires restart", c.Name)})
			default:
				inPlace = append(inPlace, c)
			}
		}
	}
	if len(restart) == 0 && len(inPlace) == 0 {
		return nil
	}
	w.report()
	// A pod that grows needs room in its group first; one that shrinks can only be held to less once its containers are.
	before := w.k.ensureCgroup(pod)
	w.stopAll(ctx, pod, restart)
	for _, s := range restart {
		w.excused[s.Container.ID] = true
	}
	var errs error
	for _, c := range inPlace {
		errs = errors.Join(errs, w.resizeOne(ctx, pod, c))
	}
	if before != nil {
		errs = errors.Join(errs, w.k.ensureCgroup(pod))
	}
	w.markStale()
	return errors.Join(errs, w.look(ctx, pod))
}

func (w *worker) resizeOne(ctx context.Context, pod *corev1.Pod, c *corev1.Container) error {
	r := w.k.node.Resources(pod, c)
	update := &runtimeapi.LinuxContainerResources{CpuPeriod: r.CpuPeriod, CpuQuota: r.CpuQuota, CpuShares: r.CpuShares, MemoryLimitInBytes: r.MemoryLimitInBytes}
	if _, err := w.k.runtime.UpdateContainerResources(ctx, &runtimeapi.UpdateContainerResourcesRequest{ContainerId: w.rt.Current(c.Name).ID, Linux: update}); err != nil {
		return fmt.Errorf("resizing container %s: %w", c.Name, err)
	}
	w.setApplied(c)
	return nil
}

// setApplied notes that a container has the resources of its specification.
func (w *worker) setApplied(c *corev1.Container) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.applied == nil {
		w.applied = map[string]corev1.ResourceRequirements{}
	}
	w.applied[c.Name] = c.Resources
}

func restartsFor(c *corev1.Container, name corev1.ResourceName) bool {
	for _, p := range c.ResizePolicy {
		if p.ResourceName == name {
			return p.RestartPolicy == corev1.RestartContainer
		}
	}
	return false
}

// retryResizes lets pods whose resize did not fit try again, because another pod has gone.
func (k *Kubelet) retryResizes() {
	for _, w := range k.allWorkers() {
		w.mu.Lock()
		pending := w.resizePending == corev1.PodReasonDeferred
		w.mu.Unlock()
		if pending {
			w.wake()
		}
	}
}
