package scheduler

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/scheduler/condition"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/queue"
)

// bind waits for the permission of plugins that asked to wait, and binds the pod.
func (s *Scheduler) bind(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, w *waitingPod, node string) {
	pod := w.pod
	status := s.tryBind(ctx, p, cycle, w, node)
	if !status.IsSuccess() {
		if ctx.Err() == nil {
			f := s.takeBack(ctx, p, cycle, pod, node, status)
			s.missed(p, w.began, f)
			s.putBack(ctx, pod, f)
		}
		return
	}
	s.queue.Done(pod.UID)
	s.bound(p, w)
	began := s.Clock.Now()
	p.PostBind(ctx, cycle, pod, node)
	s.measure("PostBind", p, began, nil)
	s.handles[p.Name].recorder.Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, node)
}

// prepares says whether there is anything to be prepared before the pod is bound.
func (s *Scheduler) prepares(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, pod *corev1.Pod, node string) bool {
	began := s.Clock.Now()
	if p.PreBinds(ctx, cycle, pod, node) {
		s.measure("PreBindPreFlight", p, began, nil)
		return true
	}
	s.measure("PreBindPreFlight", p, began, fwk.NewStatus(fwk.Skip))
	return false
}

// tryBind does not go on when the pod is deleted. While it waits for others, be it minutes, more pods can be bound.
func (s *Scheduler) tryBind(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, w *waitingPod, node string) *fwk.Status {
	pod := w.pod
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.cancels.Store(pod.UID, cancel)
	defer s.cancels.Delete(pod.UID)
	if !s.queue.Has(pod.UID) {
		cancel() // it was deleted before there was something to cancel
	}
	if prepares := s.prepares(ctx, p, cycle, pod, node); w.waits || prepares {
		s.announce(ctx, pod, node)
	}
	status := s.meanwhile(func() *fwk.Status {
		began := s.Clock.Now()
		status := w.wait(ctx)
		s.waiting.remove(pod.UID)
		if w.waits {
			s.Metrics.Waited(status.Code().String(), s.Clock.Since(began))
		}
		if !status.IsSuccess() {
			return status
		}
		s.queue.Binding(pod.UID)
		began = s.Clock.Now()
		status = p.PreBind(ctx, cycle, pod, node)
		s.measure("PreBind", p, began, status)
		return status
	})
	if !status.IsSuccess() {
		return status
	}
	began := s.Clock.Now()
	status = s.bindBy(ctx, p, cycle, pod, node)
	s.measure("Bind", p, began, status)
	return status
}

// announce writes which node a pod is expected on whose binding has to wait (status.nominatedNodeName): others can see it, and the next
// attempt, be it another scheduler's, begins there if this one fails.
func (s *Scheduler) announce(ctx context.Context, pod *corev1.Pod, node string) {
	if err := (condition.Change{Nominated: &node}).Write(ctx, s.Client, pod); client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "Nominating a node for a pod that is being bound failed", "pod", client.ObjectKeyFromObject(pod))
	}
}

// cancel ends the binding of a pod that is gone.
func (s *Scheduler) cancel(uid types.UID) {
	if cancel, ok := s.cancels.Load(uid); ok {
		cancel.(context.CancelFunc)()
	}
}

// waitingPods are the pods that Permit plugins hold, or that are being bound.
type waitingPods struct {
	mu   sync.Mutex
	pods map[types.UID]*waitingPod
}

// waitingPod is a pod until all plugins have allowed it or one has rejected it.
type waitingPod struct {
	pod     *corev1.Pod
	queued  *queue.Pod // with its attempts
	began   time.Time  // this attempt
	waits   bool       // plugins have asked it to
	mu      sync.Mutex
	pending map[string]clock.Timer
	verdict chan *fwk.Status // takes the first verdict
}

var _ fwk.WaitingPod = &waitingPod{}

func (w *waitingPods) add(pod *corev1.Pod, waits map[string]time.Duration, c clock.WithTickerAndDelayedExecution) *waitingPod {
	p := &waitingPod{pod: pod, verdict: make(chan *fwk.Status, 1)}
	if len(waits) == 0 {
		p.verdict <- nil
		return p
	}
	p.waits, p.pending = true, map[string]clock.Timer{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for plugin, limit := range waits {
		p.pending[plugin] = c.AfterFunc(limit, func() {
			p.Reject(plugin, fmt.Sprintf("rejected due to timeout after waiting %v at plugin %v", limit, plugin))
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pods == nil {
		w.pods = map[types.UID]*waitingPod{}
	}
	w.pods[pod.UID] = p
	return p
}

func (w *waitingPods) get(uid types.UID) *waitingPod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pods[uid]
}

func (w *waitingPods) remove(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pods, uid)
}

func (w *waitingPods) each(visit func(fwk.WaitingPod)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.pods {
		visit(p)
	}
}

// wait returns the verdict. When ctx ends first there is none, and nothing is left that would give one.
func (w *waitingPod) wait(ctx context.Context) *fwk.Status {
	select {
	case status := <-w.verdict:
		return status
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stopTimers()
		return fwk.AsStatus(ctx.Err())
	}
}

func (w *waitingPod) stopTimers() {
	for _, timer := range w.pending {
		timer.Stop()
	}
}

// GetPod implements fwk.WaitingPod.
func (w *waitingPod) GetPod() *corev1.Pod { return w.pod }

// GetPendingPlugins implements fwk.WaitingPod.
func (w *waitingPod) GetPendingPlugins() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name := range w.pending {
		names = append(names, name)
	}
	return names
}

// Allow implements fwk.WaitingPod.
func (w *waitingPod) Allow(plugin string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if timer, ok := w.pending[plugin]; ok {
		timer.Stop()
		delete(w.pending, plugin)
	}
	if len(w.pending) == 0 {
		w.decide(nil)
	}
}

// Reject implements fwk.WaitingPod.
func (w *waitingPod) Reject(plugin, message string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopTimers()
	status := fwk.NewStatus(fwk.Unschedulable, message)
	status.SetPlugin(plugin)
	return w.decide(status)
}

// Preempt implements fwk.WaitingPod.
func (w *waitingPod) Preempt(plugin, message string) bool { return w.Reject(plugin, message) }

// decide takes the first verdict and ignores later ones.
func (w *waitingPod) decide(status *fwk.Status) bool {
	select {
	case w.verdict <- status:
		return true
	default:
		return false
	}
}
