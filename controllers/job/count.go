package job

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// maxUncounted bounds the UIDs that are on record at a time: the rest follows when these
// are counted.
const maxUncounted = 500

// count puts the ends of pods on record, and counts those whose finalizer is gone.
func (s *state) count() {
	byUID := s.podByUID()
	before := ptr.Deref(s.job.Status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
	var open batchv1.UncountedTerminatedPods
	settle := func(uids []types.UID, counter *int32) []types.UID {
		var left []types.UID
		for _, uid := range uids {
			if pod := byUID[uid]; pod != nil && tracked(pod) {
				left = append(left, uid)
				s.release = append(s.release, pod)
				continue
			}
			*counter++
		}
		return left
	}
	open.Succeeded = settle(before.Succeeded, &s.status.Succeeded)
	open.Failed = settle(before.Failed, &s.status.Failed)
	for _, pod := range s.pods {
		if !tracked(pod) || slices.Contains(open.Succeeded, pod.UID) || slices.Contains(open.Failed, pod.UID) {
			continue
		}
		if len(open.Succeeded)+len(open.Failed) >= maxUncounted {
			break
		}
		s.record(pod, &open)
	}
	if indexed(s.job) {
		s.status.CompletedIndexes = s.completed.String()
		s.status.Succeeded = int32(s.completed.count())
		if s.job.Spec.BackoffLimitPerIndex != nil {
			s.status.FailedIndexes = ptr.To(s.failed.String())
		}
	}
	s.status.UncountedTerminatedPods = &open
}

// record puts one pod's end on record. An index is on record by itself.
func (s *state) record(pod *corev1.Pod, open *batchv1.UncountedTerminatedPods) {
	index, hasIndex := indexOf(pod)
	inRange := hasIndex && index < int(completions(s.job))
	switch {
	case isSucceeded(pod):
		if !indexed(s.job) {
			open.Succeeded = append(open.Succeeded, pod.UID)
		} else if inRange && !s.failed.has(index) {
			s.completed = s.completed.with(index)
		}
		s.release = append(s.release, pod)
	case isFailed(s.job, pod), pod.DeletionTimestamp != nil && isTrue(&s.job.Status, batchv1.JobFailureTarget): // nobody waits for its end
		action, message := failureAction(s.job, pod)
		if action != batchv1.PodFailurePolicyActionIgnore && (!indexed(s.job) || inRange) {
			open.Failed = append(open.Failed, pod.UID)
		}
		if action == batchv1.PodFailurePolicyActionFailJob && s.failJob == "" {
			s.failJob = message
		}
		if perIndex := s.job.Spec.BackoffLimitPerIndex; perIndex != nil && inRange && !s.completed.has(index) {
			counts := action != batchv1.PodFailurePolicyActionIgnore
			if action == batchv1.PodFailurePolicyActionFailIndex || (counts && indexFailures(pod) >= *perIndex) {
				s.failed = s.failed.with(index)
			}
		}
		s.release = append(s.release, pod)
	case isTrue(&s.job.Status, batchv1.JobComplete) || isTrue(&s.job.Status, batchv1.JobFailed):
		s.release = append(s.release, pod)
	}
}

// failureAction is what the job's failure policy says about a failed pod, with the
// message that a failing job shows.
func failureAction(job *batchv1.Job, pod *corev1.Pod) (batchv1.PodFailurePolicyAction, string) {
	if job.Spec.PodFailurePolicy == nil || pod.Status.Phase != corev1.PodFailed {
		return batchv1.PodFailurePolicyActionCount, ""
	}
	for i, rule := range job.Spec.PodFailurePolicy.Rules {
		if container, code, ok := matchExitCodes(rule.OnExitCodes, pod); ok {
			return rule.Action, fmt.Sprintf("Container %s for pod %s/%s failed with exit code %v matching %v rule at index %d",
				container, pod.Namespace, pod.Name, code, rule.Action, i)
		}
		if kind, ok := matchConditions(rule.OnPodConditions, pod); ok {
			return rule.Action, fmt.Sprintf("Pod %s/%s has condition %v matching %v rule at index %d",
				pod.Namespace, pod.Name, kind, rule.Action, i)
		}
	}
	return batchv1.PodFailurePolicyActionCount, ""
}

func matchExitCodes(want *batchv1.PodFailurePolicyOnExitCodesRequirement, pod *corev1.Pod) (string, int32, bool) {
	if want == nil {
		return "", 0, false
	}
	for _, status := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) {
		end := status.State.Terminated
		if end == nil || end.ExitCode == 0 || (want.ContainerName != nil && *want.ContainerName != status.Name) {
			continue
		}
		if slices.Contains(want.Values, end.ExitCode) == (want.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
			return status.Name, end.ExitCode, true
		}
	}
	return "", 0, false
}

func matchConditions(want []batchv1.PodFailurePolicyOnPodConditionsPattern, pod *corev1.Pod) (corev1.PodConditionType, bool) {
	for _, have := range pod.Status.Conditions {
		for _, pattern := range want {
			status := pattern.Status
			if status == "" {
				status = corev1.ConditionTrue
			}
			if have.Type == pattern.Type && have.Status == status {
				return have.Type, true
			}
		}
	}
	return "", false
}
