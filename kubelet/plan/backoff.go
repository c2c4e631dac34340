package plan

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// Back-off of containers that exit again and again: 10 s, 20 s … 5 minutes, and from the start again when a
// container was not restarted for 10 minutes.
const (
	FirstBackoff = 10 * time.Second
	backoffMax   = 5 * time.Minute
	backoffReset = 2 * backoffMax
)

// Backoff counts the restarts of one container.
type Backoff struct {
	delay time.Duration
	since time.Time // when it was last restarted
}

// Hold says whether a container that exited has to wait before it is started again.
func (b *Backoff) Hold(pod *corev1.Pod, last *runtime.Container, now time.Time) (Hold, bool) {
	if b == nil || b.delay == 0 || now.Sub(b.since) > backoffReset {
		return Hold{}, false
	}
	until := last.FinishedAt.Add(b.delay)
	if !now.Before(until) {
		return Hold{}, false
	}
	return Hold{Until: until, Waiting: corev1.ContainerStateWaiting{
		Reason:  "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", b.delay, last.Name, PodName(pod)),
	}}, true
}

// Restarted notes that a container that exited is started again.
func (b *Backoff) Restarted(now time.Time) {
	if b.delay == 0 || now.Sub(b.since) > backoffReset {
		b.delay = FirstBackoff
	} else {
		b.delay = min(2*b.delay, backoffMax)
	}
	b.since = now
}

// Recalled is the back-off of a container that was restarted before this kubelet was.
func Recalled(c *runtime.Container) *Backoff {
	b := &Backoff{delay: FirstBackoff, since: c.CreatedAt}
	for i := 1; i < c.Attempt && b.delay < backoffMax; i++ {
		b.delay = min(2*b.delay, backoffMax)
	}
	return b
}

// PodName is how messages name a pod: name_namespace(uid).
func PodName(pod *corev1.Pod) string {
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}
