package job

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// outcome is how a job ends.
type outcome struct {
	complete        bool
	reason, message string
}

// outcome says how the job ends, if it does now or was decided before; nil while it runs.
func (s *state) outcome() *outcome {
	if decided := condition(&s.status, batchv1.JobFailureTarget); decided != nil && decided.Status == corev1.ConditionTrue {
		return &outcome{false, decided.Reason, decided.Message}
	}
	if decided := condition(&s.status, batchv1.JobSuccessCriteriaMet); decided != nil && decided.Status == corev1.ConditionTrue {
		return &outcome{true, decided.Reason, decided.Message}
	}
	switch {
	case s.failJob != "":
		return &outcome{false, batchv1.JobReasonPodFailurePolicy, s.failJob}
	case s.overBackoffLimit():
		return &outcome{false, batchv1.JobReasonBackoffLimitExceeded, "Job has reached the specified backoff limit"}
	case s.deadlineIn() < 0:
		return &outcome{false, batchv1.JobReasonDeadlineExceeded, "Job was active longer than specified deadline"}
	}
	if end := s.indexOutcome(); end != nil {
		return end
	}
	if message := s.successPolicy(); message != "" {
		return &outcome{true, batchv1.JobReasonSuccessPolicy, message}
	}
	if s.reached() {
		return &outcome{true, batchv1.JobReasonCompletionsReached, "Reached expected number of succeeded pods"}
	}
	return nil
}

// reached says whether enough pods have succeeded and none is left.
func (s *state) reached() bool {
	if len(s.active) > 0 {
		return false
	}
	if s.job.Spec.Completions == nil {
		return s.succeeded() > 0
	}
	return s.succeeded() >= *s.job.Spec.Completions
}

// succeeded counts those that are on record as well.
func (s *state) succeeded() int32 {
	return s.status.Succeeded + int32(len(s.status.UncountedTerminatedPods.Succeeded))
}

func (s *state) failures() int32 {
	return s.status.Failed + int32(len(s.status.UncountedTerminatedPods.Failed))
}

func (s *state) overBackoffLimit() bool {
	limit := ptr.Deref(s.job.Spec.BackoffLimit, 6)
	if s.failures() > limit {
		return true
	}
	if s.job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		return false
	}
	restarts := int32(0)
	for _, pod := range s.pods {
		if pod.Status.Phase != corev1.PodRunning && pod.Status.Phase != corev1.PodPending {
			continue
		}
		for i := range pod.Status.InitContainerStatuses {
			restarts += pod.Status.InitContainerStatuses[i].RestartCount
		}
		for i := range pod.Status.ContainerStatuses {
			restarts += pod.Status.ContainerStatuses[i].RestartCount
		}
	}
	if limit == 0 {
		return restarts > 0
	}
	return restarts >= limit
}

// deadlineIn is how long the job may still be active: negative when it is over, zero
// when there is no deadline.
func (s *state) deadlineIn() time.Duration {
	if s.job.Spec.ActiveDeadlineSeconds == nil || s.status.StartTime == nil || suspended(s.job) {
		return 0
	}
	left := s.status.StartTime.Add(time.Duration(*s.job.Spec.ActiveDeadlineSeconds) * time.Second).Sub(s.now)
	if left <= 0 {
		return -1
	}
	return left
}

// indexOutcome ends a job whose indexes fail one by one.
func (s *state) indexOutcome() *outcome {
	if s.job.Spec.BackoffLimitPerIndex == nil || !indexed(s.job) {
		return nil
	}
	if most := s.job.Spec.MaxFailedIndexes; most != nil && s.failed.count() > int(*most) {
		return &outcome{false, batchv1.JobReasonMaxFailedIndexesExceeded, "Job has exceeded the specified maximal number of failed indexes"}
	}
	if s.failed.count() > 0 && s.failed.count()+s.completed.count() >= int(completions(s.job)) && len(s.active) == 0 {
		return &outcome{false, batchv1.JobReasonFailedIndexes, "Job has failed indexes"}
	}
	return nil
}

// successPolicy returns the message of the rule that declares the job successful.
func (s *state) successPolicy() string {
	if s.job.Spec.SuccessPolicy == nil || !indexed(s.job) {
		return ""
	}
	for i, rule := range s.job.Spec.SuccessPolicy.Rules {
		among := s.completed
		want := int(ptr.Deref(rule.SucceededCount, 0))
		if rule.SucceededIndexes != nil {
			named := parseIndexes(*rule.SucceededIndexes, int(completions(s.job)))
			among = intersect(s.completed, named)
			if rule.SucceededCount == nil {
				want = named.count()
			}
		}
		if want > 0 && among.count() >= want {
			return fmt.Sprintf("Matched rules at index %d", i)
		}
	}
	return ""
}

func intersect(a, b indexes) indexes {
	var out indexes
	for _, x := range a {
		for _, y := range b {
			if low, high := max(x.first, y.first), min(x.last, y.last); low <= high {
				out = append(out, interval{low, high})
			}
		}
	}
	return out
}

// end moves the status towards its end: at once what was decided, and the final
// condition when every pod has ended and been counted. It says whether that happened.
func (s *state) end(how outcome) bool {
	interim, final := batchv1.JobFailureTarget, batchv1.JobFailed
	if how.complete {
		interim, final = batchv1.JobSuccessCriteriaMet, batchv1.JobComplete
	}
	s.setCondition(interim, corev1.ConditionTrue, how.reason, how.message)
	open := s.status.UncountedTerminatedPods
	if len(s.active) > 0 || s.terminating > 0 || len(open.Succeeded)+len(open.Failed) > 0 {
		return false
	}
	s.setCondition(final, corev1.ConditionTrue, how.reason, how.message)
	if how.complete {
		now := metav1.NewTime(s.now)
		s.status.CompletionTime = &now
	}
	return true
}
