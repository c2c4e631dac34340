package batch

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func jobCells(j *batchv1.Job, now time.Time) []any {
	return []any{
		j.Name,
		jobStatus(j),
		completions(j),
		jobDuration(j, now),
		resource.AgeOf(j, now),
		podspec.Containers(&j.Spec.Template.Spec),
		podspec.Images(&j.Spec.Template.Spec),
		metav1.FormatLabelSelector(j.Spec.Selector),
	}
}

func jobStatus(j *batchv1.Job) string {
	switch {
	case hasCondition(j, batchv1.JobComplete):
		return "Complete"
	case hasCondition(j, batchv1.JobFailed):
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case hasCondition(j, batchv1.JobSuspended):
		return "Suspended"
	case hasCondition(j, batchv1.JobFailureTarget):
		return "FailureTarget"
	case hasCondition(j, batchv1.JobSuccessCriteriaMet):
		return "SuccessCriteriaMet"
	}
	return "Running"
}

func hasCondition(j *batchv1.Job, kind batchv1.JobConditionType) bool {
	for _, c := range j.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func completions(j *batchv1.Job) string {
	parallelism := ptr.Deref(j.Spec.Parallelism, 0)
	switch {
	case j.Spec.Completions != nil:
		return fmt.Sprintf("%d/%d", j.Status.Succeeded, *j.Spec.Completions)
	case parallelism > 1:
		return fmt.Sprintf("%d/1 of %d", j.Status.Succeeded, parallelism)
	}
	return fmt.Sprintf("%d/1", j.Status.Succeeded)
}

func jobDuration(j *batchv1.Job, now time.Time) string {
	switch {
	case j.Status.StartTime == nil:
		return ""
	case j.Status.CompletionTime != nil:
		return duration.HumanDuration(j.Status.CompletionTime.Sub(j.Status.StartTime.Time))
	}
	return duration.HumanDuration(now.Sub(j.Status.StartTime.Time))
}

func cronJobCells(c *batchv1.CronJob, now time.Time) []any {
	last := resource.None
	if c.Status.LastScheduleTime != nil {
		last = resource.Age(*c.Status.LastScheduleTime, now)
	}
	suspended := resource.Unset
	if c.Spec.Suspend != nil {
		suspended = map[bool]string{true: "True", false: "False"}[*c.Spec.Suspend]
	}
	return []any{
		c.Name,
		c.Spec.Schedule,
		ptr.Deref(c.Spec.TimeZone, resource.None),
		suspended,
		int64(len(c.Status.Active)),
		last,
		resource.AgeOf(c, now),
		podspec.Containers(&c.Spec.JobTemplate.Spec.Template.Spec),
		podspec.Images(&c.Spec.JobTemplate.Spec.Template.Spec),
		metav1.FormatLabelSelector(c.Spec.JobTemplate.Spec.Selector),
	}
}
