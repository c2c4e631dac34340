package kubelet

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/kubelet/status"
	"github.com/coxswain-k8s/coxswain/kubelet/volume"
)

// podState is where a pod is in its life on this node.
type podState int

//	           admitted                 deleted, deadline over, evicted,
//	┌─────────┐        ┌─────────┐      or all containers done for good    ┌─────────────┐
//	│  fresh  ├───────►│ running ├────────────────────────────────────────►│ terminating │
//	└────┬────┘        └─────────┘                                         └──────┬──────┘
//	     │                                                   no process is left   │
//	     │ rejected: Failed                ┌────────────┐◄──────────────────────────┘
//	     └────────────────────────────────►│ terminated │ final status written, volumes and cgroup gone;
//	                                       └─────┬──────┘ a deleted pod's object is removed from the API
//	            the object is gone from the API  │
//	                                       ┌─────▼─────┐
//	                                       │  removed  │ sandboxes, containers, logs gone; the worker is forgotten
//	                                       └───────────┘
//
// States are only left to the right. An object that is gone from the API leads from any state through terminating to removed.
const (
	stateFresh podState = iota
	stateRunning
	stateTerminating
	stateTerminated
	stateRemoved
)

const (
	retryFirst = 500 * time.Millisecond
	retryMax   = 20 * time.Second
)

// worker moves one pod through its states. It has a goroutine only while there is something to do.
//
// Contract: wake may be called from anywhere, any number of times; the steps of one pod never run at the same time;
// a step that is overtaken by the pod's deletion, or by a shorter grace, is cancelled and its successor starts from what the runtime says.
type worker struct {
	k *Kubelet

	mu     sync.Mutex
	pod    *corev1.Pod // the newest object
	gone   bool        // it is gone from the API
	active bool        // the goroutine runs
	again  bool        // and has to take another turn
	stale  bool        // rt is older than an event
	cancel context.CancelFunc
	timer  clock.Timer
	due    time.Time // when the timer fires
	// What report needs; written by the goroutine under mu.
	state   podState
	rt      *runtime.Pod
	waiting map[string]corev1.ContainerStateWaiting
	reject  *rejection
	start   time.Time
	ends    map[chan struct{}]string // readers of logs that wait for a container's end
	fresh   bool                     // the object changed: what could not be started is tried again at once
	// Resources by container: what the node grants, what the runtime has applied, and why a resize waits.
	granted, applied         map[string]corev1.ResourceRequirements
	resizePending, resizeWhy string

	// Only the goroutine touches these.
	retry    time.Duration
	known    bool // rt was read at least once
	backoffs map[string]*plan.Backoff
	holds    map[string]plan.Hold
	volumes  map[string]volume.Mount
	events   map[string]string
	refresh  bool
	// measureAt is when the volumes with a size limit are measured next.
	measureAt time.Time
	excused   map[string]bool // ids of containers that were stopped for a resize: no crash, no back-off
}

// wake makes the worker look at its pod again.
func (w *worker) wake() { w.nudge(func() {}) }

// nudge changes the worker's inputs and wakes it.
func (w *worker) nudge(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	w.again = true
	if w.active || w.k.stopping() {
		return
	}
	w.active = true
	w.k.wg.Go(w.run)
}

// update brings a newer object. Deletion, and a shorter grace, interrupt what is being done.
func (w *worker) update(pod *corev1.Pod) {
	w.nudge(func() {
		urgent := pod.DeletionTimestamp != nil && (w.pod == nil || w.pod.DeletionTimestamp == nil || graceOf(pod) < graceOf(w.pod))
		w.pod, w.fresh = pod, true
		if urgent && w.cancel != nil {
			w.cancel()
		}
	})
}

// lost says that the object, last seen as pod, is gone from the API.
func (w *worker) lost(pod *corev1.Pod) {
	w.nudge(func() {
		w.gone = true
		if pod.DeletionTimestamp != nil {
			w.pod = pod // it says how little grace was meant
		}
		if w.cancel != nil && w.state < stateTerminating {
			w.cancel()
		}
	})
}

// run takes turns until nothing is left to do.
func (w *worker) run() {
	for {
		w.mu.Lock()
		if !w.again || w.state == stateRemoved || w.k.stopping() {
			w.active = false
			w.mu.Unlock()
			return
		}
		w.again = false
		ctx, cancel := context.WithCancel(w.k.ctx)
		w.cancel = cancel
		pod := w.pod
		if w.timer != nil {
			w.timer.Stop()
			w.timer = nil
		}
		if w.fresh {
			w.fresh = false
			clear(w.holds)
		}
		w.mu.Unlock()
		ctx = log.IntoContext(ctx, log.FromContext(ctx).WithValues("pod", client.ObjectKeyFromObject(pod)))
		err := w.turn(ctx, pod)
		interrupted := ctx.Err() != nil
		cancel()
		w.after(ctx, err, interrupted)
	}
}

// after plans the next try when a turn failed.
func (w *worker) after(ctx context.Context, err error, interrupted bool) {
	if err == nil {
		w.retry = 0
		return
	}
	w.markStale()
	if interrupted {
		return
	}
	if w.retry == 0 {
		w.retry = retryFirst
	} else {
		w.retry = min(2*w.retry, retryMax)
	}
	log.FromContext(ctx).Error(err, "working on a pod failed", "retryIn", w.retry.String())
	w.wakeAt(w.k.Clock.Now().Add(w.retry))
}

func (w *worker) markStale() {
	w.mu.Lock()
	w.stale = true
	w.mu.Unlock()
}

// wakeAt wakes the worker at a time, unless something wakes it earlier.
func (w *worker) wakeAt(at time.Time) {
	if at.IsZero() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		if !w.due.After(at) {
			return
		}
		w.timer.Stop()
	}
	w.due = at
	w.timer = w.k.Clock.AfterFunc(max(at.Sub(w.k.Clock.Now()), time.Millisecond), w.wake)
}

func (w *worker) enter(state podState) {
	w.mu.Lock()
	w.state = state
	w.mu.Unlock()
}

// turn takes the steps that the pod's state allows now.
func (w *worker) turn(ctx context.Context, pod *corev1.Pod) error {
	if err := w.look(ctx, pod); err != nil {
		return err
	}
	if w.state == stateFresh {
		w.admit(ctx, pod)
	}
	if w.state == stateRunning {
		if why := w.mustEnd(pod); why != nil {
			w.setReject(why)
			w.enter(stateTerminating)
		} else if err := w.sync(ctx, w.allocate(pod)); err != nil {
			return err
		}
	}
	if w.state == stateTerminating {
		if w.reject != nil && w.reject.atOnce {
			pod = withoutGrace(pod)
		}
		if err := w.terminate(ctx, pod); err != nil {
			return err
		}
		w.k.release(pod.UID) // before anybody learns that the pod has ended and sends another one in its place
		w.enter(stateTerminated)
	}
	if w.state == stateTerminated {
		return w.settle(ctx, pod)
	}
	return nil
}

// mustEnd says why a running pod has to be terminated: &rejection{} without words when it is deleted.
func (w *worker) mustEnd(pod *corev1.Pod) *rejection {
	w.mu.Lock()
	gone := w.gone
	w.mu.Unlock()
	if gone || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return &rejection{reason: pod.Status.Reason, message: pod.Status.Message, failed: pod.Status.Phase == corev1.PodFailed}
	}
	if deadline := pod.Spec.ActiveDeadlineSeconds; deadline != nil {
		if end := w.start.Add(time.Duration(*deadline) * time.Second); !w.k.Clock.Now().Before(end) {
			r := &rejection{reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline", failed: true}
			w.k.event(pod, "", corev1.EventTypeNormal, r.reason, r.message)
			return r
		}
	}
	if r := w.overflow(pod); r != nil {
		return r
	}
	return nil
}

func (w *worker) setReject(r *rejection) {
	w.mu.Lock()
	w.reject = r
	w.mu.Unlock()
}

// look reads the runtime's state when an event made ours stale.
func (w *worker) look(ctx context.Context, pod *corev1.Pod) error {
	w.mu.Lock()
	stale, before := w.stale || !w.known, w.rt
	w.stale = false
	w.mu.Unlock()
	if !stale {
		return nil
	}
	rt, err := w.k.runtime.Read(ctx, pod.UID, before)
	if err != nil {
		w.markStale()
		return err
	}
	if !w.known {
		w.recallBackoffs(rt)
	}
	targets := w.probeTargets(pod, rt)
	w.mu.Lock()
	defer w.mu.Unlock()
	// Whoever reports sees a container and what its probes say together: one without probes is ready from the start.
	w.k.probes.Sync(pod.UID, targets)
	w.rt, w.known = rt, true
	w.tellEnds()
	return nil
}

// report computes the pod's status and has it written if it changed. It may be called from anywhere.
// The write outlives the turn that asks for it.
func (w *worker) report() {
	if pod, s, ok := w.status(); ok {
		w.k.statuses.Set(w.k.ctx, pod, s)
	}
}

// status computes what is to be reported of the pod; false when there is nobody to report to.
func (w *worker) status() (*corev1.Pod, corev1.PodStatus, bool) {
	w.mu.Lock()
	in := status.Input{
		Pod: w.pod, Runtime: w.rt, RuntimeName: w.k.runtime.Name, Waiting: w.waiting, Ready: w.k.probes.Ready, Started: w.k.probes.Started,
		HostIPs: w.k.hostIPs(), Finished: w.state >= stateTerminated, StartTime: w.start, Now: w.k.Clock.Now(),
	}
	in.Granted, in.Applied, in.ResizePending, in.ResizeMessage = w.granted, maps.Clone(w.applied), w.resizePending, w.resizeWhy
	if w.reject != nil {
		in.Reason, in.Message, in.Failed = w.reject.reason, w.reject.message, w.reject.failed
	}
	nobody := w.gone || w.state == stateFresh || w.state == stateRemoved
	w.mu.Unlock()
	if nobody {
		return nil, corev1.PodStatus{}, false
	}
	return in.Pod, status.Compute(in), true
}

// settle brings a pod that has terminated to its end: final status, resources given back, object and traces removed.
func (w *worker) settle(ctx context.Context, pod *corev1.Pod) error {
	w.mu.Lock()
	gone := w.gone
	w.mu.Unlock()
	if gone {
		if err := w.release(pod); err != nil {
			return err
		}
		return w.remove(ctx, pod)
	}
	if p, s, ok := w.status(); ok {
		if err := w.k.statuses.Flush(ctx, p, s); err != nil {
			return err
		}
	}
	if err := w.release(pod); err != nil {
		return err
	}
	if pod.DeletionTimestamp == nil {
		return nil
	}
	err := w.k.Client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	if err = ignoreGone(err); err != nil {
		return errors.Join(errors.New("deleting the pod's object"), err)
	}
	return nil
}
