package cronjob

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// manyMissed is from how many missed times on a warning is due.
const manyMissed = 100

// due is the last time of the schedule that has come and was not served, zero if none,
// and the next one to come. many says that more than manyMissed were missed.
func due(cron *batchv1.CronJob, s schedule, now time.Time) (last, next time.Time, many bool) {
	earliest := cron.CreationTimestamp.Time
	if served := cron.Status.LastScheduleTime; served != nil {
		earliest = served.Time
	}
	if deadline := cron.Spec.StartingDeadlineSeconds; deadline != nil {
		if from := now.Add(-time.Duration(*deadline) * time.Second); from.After(earliest) {
			earliest = from
		}
	}
	next = s.next(now)
	at := s.next(earliest.In(now.Location()))
	if at.IsZero() || at.After(now) {
		return time.Time{}, next, false
	}
	// Step over the bulk of a long pause: only the last time counts, and that there were
	// many.
	second := s.next(at)
	if second.IsZero() || second.After(now) {
		return at, next, false
	}
	many = now.Sub(at)/second.Sub(at) > manyMissed
	if jump := now.Add(-2 * 24 * time.Hour); many && at.Before(jump) {
		if near := s.next(jump); !near.IsZero() && !near.After(now) {
			at = near
		}
	}
	for following := s.next(at); !following.IsZero() && !following.After(now); following = s.next(at) {
		at = following
	}
	return at, next, many
}

// location is the time zone of a schedule. Default: that of the control plane.
func location(cron *batchv1.CronJob) (*time.Location, error) {
	if cron.Spec.TimeZone == nil {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(*cron.Spec.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone: %w", err)
	}
	return zone, nil
}

// jobFor returns the job of a time. Its name is the same whenever it is made, so that no
// time is served twice.
func jobFor(cron *batchv1.CronJob, at time.Time) *batchv1.Job {
	template := cron.Spec.JobTemplate.DeepCopy()
	annotations := maps.Clone(template.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[batchv1.CronJobScheduledTimestampAnnotation] = at.Format(time.RFC3339)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cron.Namespace, Name: cron.Name + "-" + strconv.FormatInt(at.Unix()/60, 10),
			Labels: template.Labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cron, kind)},
		},
		Spec: template.Spec,
	}
}
