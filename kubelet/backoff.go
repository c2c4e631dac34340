package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// Back-off of containers that exit again and again: 10 s, 20 s … 5 minutes, and from the start again when a
// container was not restarted for 10 minutes.
const (
	backoffFirst = 10 * time.Second
	backoffMax   = 5 * time.Minute
	backoffReset = 2 * backoffMax
)

// backoff counts the restarts of one container.
type backoff struct {
	delay time.Duration
	since time.Time // when it was last restarted
}

// crashHold says whether a container that exited has to wait before it is started again.
func (b *backoff) crashHold(pod *corev1.Pod, last *runtime.Container, now time.Time) (hold, bool) {
	if b == nil || b.delay == 0 || now.Sub(b.since) > backoffReset {
		return hold{}, false
	}
	until := last.FinishedAt.Add(b.delay)
	if !now.Before(until) {
		return hold{}, false
	}
	return hold{until: until, waiting: corev1.ContainerStateWaiting{
		Reason:  "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", b.delay, last.Name, podName(pod)),
	}}, true
}

// restarted notes that a container that exited is started again.
func (b *backoff) restarted(now time.Time) {
	if b.delay == 0 || now.Sub(b.since) > backoffReset {
		b.delay = backoffFirst
	} else {
		b.delay = min(2*b.delay, backoffMax)
	}
	b.since = now
}

// recallBackoffs rebuilds, after the kubelet was restarted, the back-offs of containers that were restarted before.
func (w *worker) recallBackoffs(rt *runtime.Pod) {
	for _, c := range rt.Containers {
		if w.backoffs[c.Name] != nil || c.Attempt == 0 {
			continue // the newest instance comes first
		}
		b := &backoff{delay: backoffFirst, since: c.CreatedAt}
		for i := 1; i < c.Attempt && b.delay < backoffMax; i++ {
			b.delay = min(2*b.delay, backoffMax)
		}
		w.backoffs[c.Name] = b
	}
}

// podName is how messages name a pod: name_namespace(uid).
func podName(pod *corev1.Pod) string {
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}
