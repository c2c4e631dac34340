package job

import (
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// state is one look at a job: what was read, and the status that is being computed.
type state struct {
	job    *batchv1.Job
	pods   []*corev1.Pod
	now    time.Time
	status batchv1.JobStatus

	active      []*corev1.Pod
	terminating int32
	release     []*corev1.Pod // whose end is on record once status is written
	completed   indexes
	failed      indexes
	failJob     string // message of the failure policy's rule that ends the job
}

func newState(job *batchv1.Job, pods []*corev1.Pod, now time.Time) *state {
	s := &state{job: job, pods: pods, now: now, status: *job.Status.DeepCopy()}
	limit := int(completions(job))
	s.completed = parseIndexes(job.Status.CompletedIndexes, limit)
	s.failed = parseIndexes(ptr.Deref(job.Status.FailedIndexes, ""), limit)
	ready := int32(0)
	for _, pod := range pods {
		switch {
		case podcontrol.IsActive(pod):
			s.active = append(s.active, pod)
			if podcontrol.IsReady(pod) {
				ready++
			}
		case pod.DeletionTimestamp != nil && !podcontrol.IsFinished(pod):
			s.terminating++
		}
	}
	s.status.Active = int32(len(s.active))
	s.status.Terminating = &s.terminating
	s.status.Ready = &ready
	return s
}

func indexed(job *batchv1.Job) bool {
	return ptr.Deref(job.Spec.CompletionMode, batchv1.NonIndexedCompletion) == batchv1.IndexedCompletion
}

func suspended(job *batchv1.Job) bool { return ptr.Deref(job.Spec.Suspend, false) }

func completions(job *batchv1.Job) int32 { return max(ptr.Deref(job.Spec.Completions, 1), 0) }

// replaceOnlyFailed says whether a pod being deleted is replaced only after its end.
func replaceOnlyFailed(job *batchv1.Job) bool {
	if job.Spec.PodReplacementPolicy != nil {
		return *job.Spec.PodReplacementPolicy == batchv1.Failed
	}
	return job.Spec.PodFailurePolicy != nil
}

func isSucceeded(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodSucceeded }

// isFailed says whether a pod counts as failed: one being deleted does, unless it is
// awaited, since it may never get to say how it ended.
func isFailed(job *batchv1.Job, pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodFailed {
		return true
	}
	return !replaceOnlyFailed(job) && pod.DeletionTimestamp != nil && pod.Status.Phase != corev1.PodSucceeded
}

func tracked(pod *corev1.Pod) bool {
	return slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer)
}

// indexOf is the pod's completion index; false when it has none.
func indexOf(pod *corev1.Pod) (int, bool) {
	value, ok := pod.Annotations[batchv1.JobCompletionIndexAnnotation]
	if !ok {
		value = pod.Labels[batchv1.JobCompletionIndexAnnotation]
	}
	n, err := strconv.Atoi(value)
	return n, err == nil && n >= 0
}

// indexFailures is how often the pod's index had failed before it.
func indexFailures(pod *corev1.Pod) int32 {
	n, err := strconv.ParseInt(pod.Annotations[batchv1.JobIndexFailureCountAnnotation], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

func condition(status *batchv1.JobStatus, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

func isTrue(status *batchv1.JobStatus, kind batchv1.JobConditionType) bool {
	have := condition(status, kind)
	return have != nil && have.Status == corev1.ConditionTrue
}

// Finished says whether a job has completed or failed.
func Finished(job *batchv1.Job) bool {
	return isTrue(&job.Status, batchv1.JobComplete) || isTrue(&job.Status, batchv1.JobFailed)
}

func (s *state) setCondition(kind batchv1.JobConditionType, value corev1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(s.now)
	if have := condition(&s.status, kind); have != nil {
		if have.Status != value || have.Reason != reason || have.Message != message {
			if have.Status != value {
				have.LastTransitionTime = now
			}
			have.Status, have.Reason, have.Message, have.LastProbeTime = value, reason, message, now
		}
		return
	}
	s.status.Conditions = append(s.status.Conditions, batchv1.JobCondition{
		Type: kind, Status: value, Reason: reason, Message: message, LastProbeTime: now, LastTransitionTime: now,
	})
}

func (s *state) podByUID() map[types.UID]*corev1.Pod {
	out := make(map[types.UID]*corev1.Pod, len(s.pods))
	for _, pod := range s.pods {
		out[pod.UID] = pod
	}
	return out
}
