package job

import (
	"cmp"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Bounds of the delay after failures: it starts with the first and doubles with each.
const (
	firstBackoff = 10 * time.Second
	maxBackoff   = 10 * time.Minute
)

// backoff is how long the next pod must wait for the failures since the last success.
func (s *state) backoff() time.Duration {
	var lastSuccess, lastFailure time.Time
	for _, pod := range s.pods {
		if isSucceeded(pod) {
			lastSuccess = later(lastSuccess, endOf(pod, s.now))
		}
	}
	failures := 0
	for _, pod := range s.pods {
		if pod.Status.Phase != corev1.PodFailed {
			continue
		}
		if at := endOf(pod, s.now); at.After(lastSuccess) {
			failures++
			lastFailure = later(lastFailure, at)
		}
	}
	return s.delay(failures, lastFailure)
}

// backoffOf is how long the next pod of an index must wait for the failures of that index, where each has a limit.
func (s *state) backoffOf(index int) time.Duration {
	if s.job.Spec.BackoffLimitPerIndex == nil {
		return 0
	}
	var last time.Time
	for _, pod := range s.pods {
		if at, ok := indexOf(pod); ok && at == index && isFailed(s.job, pod) {
			last = later(last, endOf(pod, s.now))
		}
	}
	return s.delay(int(s.failuresOf(index)), last)
}

// delay is what is left of the time that so many failures make the next pod wait, since the last of them.
func (s *state) delay(failures int, last time.Time) time.Duration {
	if failures == 0 {
		return 0
	}
	return max(last.Add(min(firstBackoff<<min(failures-1, 10), maxBackoff)).Sub(s.now), 0)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// endOf is when a pod's last container ended, or the nearest guess.
func endOf(pod *corev1.Pod, now time.Time) time.Time {
	var last time.Time
	for i := range pod.Status.ContainerStatuses {
		if end := pod.Status.ContainerStatuses[i].State.Terminated; end != nil {
			last = later(last, end.FinishedAt.Time)
		}
	}
	if !last.IsZero() {
		return last
	}
	if ready := podcontrol.Condition(pod, corev1.PodReady); ready != nil && !ready.LastTransitionTime.IsZero() {
		return ready.LastTransitionTime.Time
	}
	if pod.DeletionTimestamp != nil {
		return pod.DeletionTimestamp.Time
	}
	return cmp.Or(pod.CreationTimestamp.Time, now)
}

// failuresOf is how often an index has failed, by its pods.
func (s *state) failuresOf(index int) int32 {
	count := int32(0)
	for _, pod := range s.pods {
		if at, ok := indexOf(pod); !ok || at != index || !isFailed(s.job, pod) {
			continue
		}
		had := indexFailures(pod)
		if action, _ := failureAction(s.job, pod); action != batchv1.PodFailurePolicyActionIgnore {
			had++
		}
		count = max(count, had)
	}
	return count
}
