package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

const (
	streamRetryFirst = 100 * time.Millisecond
	streamRetryMax   = 5 * time.Second
)

// runPods watches this node's pods and the runtime's events until ctx ends.
func (k *Kubelet) runPods(ctx context.Context) error {
	informer, err := k.Cache.GetInformer(ctx, &corev1.Pod{})
	if err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.podChanged(nil, o) },
		UpdateFunc: func(old, o any) { k.podChanged(old, o) },
		DeleteFunc: k.podGone,
	})
	if err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	defer func() { _ = informer.RemoveEventHandler(registration) }()
	if !toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return nil
	}
	if err := k.watchNode(ctx); err != nil {
		return err
	}
	k.readyOnce.Do(func() { close(k.ready) })
	return k.watchRuntime(ctx)
}

// watchNode shows the registrar what others make of the node. Nothing waits for it.
func (k *Kubelet) watchNode(ctx context.Context) error {
	informer, err := k.Cache.GetInformer(ctx, &corev1.Node{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watching the node: %w", err)
	}
	observe := func(o any) {
		if n, ok := o.(*corev1.Node); ok {
			k.registrar.Observe(n)
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: observe, UpdateFunc: func(_, o any) { observe(o) }})
	if err != nil {
		return fmt.Errorf("watching the node: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = informer.RemoveEventHandler(registration) })
	return nil
}

// watchRuntime follows the runtime's events; whenever the stream has to be opened anew, everything may have changed.
func (k *Kubelet) watchRuntime(ctx context.Context) error {
	delay := streamRetryFirst
	for ctx.Err() == nil {
		err := k.runtime.Watch(ctx, func() {
			if err := k.relist(ctx); err != nil {
				k.log.Info("listing the runtime's pods failed", "error", err.Error())
				return
			}
			delay = streamRetryFirst
			k.registrar.Check()
		}, k.runtimeEvent)
		if ctx.Err() != nil {
			return nil
		}
		k.log.Info("the runtime's event stream ended", "error", err.Error(), "retryIn", delay.String())
		k.registrar.Check()
		select {
		case <-ctx.Done():
		case <-k.Clock.After(delay):
		}
		delay = min(2*delay, streamRetryMax)
		if err := k.runtime.Ready(ctx); err != nil && ctx.Err() == nil {
			k.log.Info("the runtime does not answer", "error", err.Error())
		}
	}
	return nil
}

// relist wakes the workers of all pods, and ends what the runtime has of pods that the API does not know.
func (k *Kubelet) relist(ctx context.Context) error {
	found, err := k.runtime.List(ctx)
	if err != nil {
		return err
	}
	live := map[types.UID]bool{}
	for _, p := range found {
		live[p.UID] = true
		if k.worker(p.UID) == nil {
			k.adopt(p)
		}
	}
	k.mu.Lock()
	for uid := range k.workers {
		live[uid] = true
	}
	k.mu.Unlock()
	for _, w := range k.allWorkers() {
		w.nudge(func() { w.stale = true })
	}
	return k.sweep(live)
}

// adopt makes a worker for a pod that only the runtime knows; it terminates and removes it.
func (k *Kubelet) adopt(p *runtime.Pod) {
	log.FromContext(k.ctx).Info("ending a pod that is gone from the API", "namespace", p.Namespace, "name", p.Name, "uid", p.UID)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: p.UID}}
	if len(p.Containers) > 0 {
		grace := p.Containers[0].GraceOf()
		pod.Spec.TerminationGracePeriodSeconds = &grace
	}
	w := k.newWorker(pod)
	w.state, w.gone = stateRunning, true
	k.mu.Lock()
	if k.workers[p.UID] == nil {
		k.workers[p.UID] = w
	}
	k.mu.Unlock()
}

// sweep removes folders and cgroups that earlier lives left behind.
func (k *Kubelet) sweep(live map[types.UID]bool) error {
	var errs error
	if err := k.volumes.Orphans(live); err != nil {
		errs = errors.Join(errs, err)
	}
	for uid, groups := range k.cgroups.Pods() {
		if live[uid] {
			continue
		}
		for _, group := range groups {
			errs = errors.Join(errs, k.cgroups.Remove(group))
		}
	}
	if errs != nil {
		k.log.Info("removing what earlier pods left failed", "error", errs.Error())
	}
	k.sweepLogs(live)
	return nil
}

// sweepLogs removes the logs of pods that are gone, and links in the container log folder whose log is.
func (k *Kubelet) sweepLogs(live map[types.UID]bool) {
	folders, err := os.ReadDir(k.LogDir)
	if err != nil {
		return
	}
	for _, f := range folders {
		// namespace_name_uid
		if parts := strings.Split(f.Name(), "_"); f.IsDir() && len(parts) == 3 && !live[types.UID(parts[2])] {
			_ = os.RemoveAll(filepath.Join(k.LogDir, f.Name()))
		}
	}
	entries, err := os.ReadDir(k.ContainerLogDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		link := k.ContainerLogDir + "/" + e.Name()
		if _, err := os.Stat(link); e.Type()&os.ModeSymlink != 0 && errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(link)
		}
	}
}

func (k *Kubelet) newWorker(pod *corev1.Pod) *worker {
	return &worker{k: k, pod: pod, stale: true, backoffs: map[string]*plan.Backoff{}, holds: map[string]plan.Hold{}, events: map[string]string{}, excused: map[string]bool{}}
}

func (k *Kubelet) worker(uid types.UID) *worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.workers[uid]
}

func (k *Kubelet) forget(uid types.UID) {
	k.mu.Lock()
	delete(k.workers, uid)
	k.mu.Unlock()
	k.release(uid)
	k.statuses.Forget(uid)
}

// podChanged brings a new or changed pod to its worker, unless only what the kubelet itself wrote has changed.
func (k *Kubelet) podChanged(old, o any) {
	pod, ok := o.(*corev1.Pod)
	if !ok || pod.Spec.NodeName != k.NodeName {
		return
	}
	k.mu.Lock()
	w := k.workers[pod.UID]
	if w == nil {
		w = k.newWorker(pod)
		k.workers[pod.UID] = w
	}
	k.mu.Unlock()
	before, known := old.(*corev1.Pod)
	if known && !matters(before, pod) {
		w.mu.Lock()
		w.pod = pod
		w.mu.Unlock()
		return
	}
	w.update(pod)
	if known && (!equality.Semantic.DeepEqual(before.Labels, pod.Labels) || !equality.Semantic.DeepEqual(before.Annotations, pod.Annotations)) {
		k.needsRefresh(pod.UID)
	}
}

// matters says whether a change of a pod can change what the kubelet does or reports.
func matters(old, pod *corev1.Pod) bool {
	return old.UID != pod.UID || old.Generation != pod.Generation ||
		!old.DeletionTimestamp.Equal(pod.DeletionTimestamp) || graceOf(old) != graceOf(pod) ||
		old.Status.Phase != pod.Status.Phase && (pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded) ||
		len(pod.Spec.ReadinessGates) > 0 && !equality.Semantic.DeepEqual(old.Status.Conditions, pod.Status.Conditions) ||
		!equality.Semantic.DeepEqual(old.Labels, pod.Labels) || !equality.Semantic.DeepEqual(old.Annotations, pod.Annotations) ||
		!equality.Semantic.DeepEqual(old.Finalizers, pod.Finalizers) ||
		!equality.Semantic.DeepEqual(old.Spec, pod.Spec)
}

func (k *Kubelet) podGone(o any) {
	if tombstone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = tombstone.Obj
	}
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return
	}
	if w := k.worker(pod.UID); w != nil {
		w.lost(pod)
	}
}

// runtimeEvent wakes the worker whose container ended. That one was created or started is the worker's own doing.
func (k *Kubelet) runtimeEvent(e runtime.Event) {
	if e.Type == runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT || e.Type == runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for uid, w := range k.workers {
		if e.Pod == uid || e.Pod == "" && w.has(e.ContainerID) {
			w.nudge(func() { w.stale = true })
		}
	}
}

// has says whether the worker's pod had the container or sandbox when it last looked.
func (w *worker) has(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rt != nil && (w.rt.ByID(id) != nil || slices.ContainsFunc(w.rt.Sandboxes, func(s runtime.Sandbox) bool { return s.ID == id }))
}

// probeChanged reports a new verdict at once, also while the worker is busy, and lets the worker act on it.
func (k *Kubelet) probeChanged(uid types.UID) {
	if w := k.worker(uid); w != nil {
		w.report()
		w.wake()
	}
}

func (k *Kubelet) probeWarning(p probe.Warning) {
	k.event(p.Pod, fieldOf(p.Pod, p.Container.Name), corev1.EventTypeWarning, "Unhealthy", p.Message)
}

// needsRefresh lets a pod's worker write the content of its volumes again.
func (k *Kubelet) needsRefresh(uid types.UID) {
	if w := k.worker(uid); w != nil {
		w.nudge(func() { w.refresh = true })
	}
}
