package cronjob

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"
	_ "time/tzdata" // time zones, also where the machine has none

	schedule "github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// manyMissed is from how many missed times on a warning is due.
const manyMissed = 100

// errNever is said of the 31st of February.
var errNever = errors.New("time difference between two schedules is less than 1 second")

// due is the last time of the schedule that has come, was not served and is not too old, zero if none, and the next one to come. many
// says that more than manyMissed were missed.
func due(cron *batchv1.CronJob, s schedule.Schedule, now time.Time) (last, next time.Time, many bool, err error) {
	served := cron.CreationTimestamp.Time
	if at := cron.Status.LastScheduleTime; at != nil {
		served = at.Time
	}
	first := s.Next(served.In(now.Location()))
	if first.IsZero() {
		return time.Time{}, time.Time{}, false, errNever
	}
	if first.After(now) {
		return time.Time{}, first, false, nil
	}
	counts, from := first, first // what is not too old, and the first time of that
	if deadline := cron.Spec.StartingDeadlineSeconds; deadline != nil {
		oldest := now.Add(-time.Duration(*deadline) * time.Second)
		if counts.Before(oldest) {
			counts, from = oldest, s.Next(oldest)
		}
	}
	second := s.Next(first)
	if second.IsZero() {
		return first, second, false, nil
	}
	many = !from.IsZero() && now.Sub(from)/second.Sub(first)+1 > manyMissed
	last, next = latest(s, first, now)
	if last.Before(counts) {
		last = time.Time{}
	}
	return last, next, many, nil
}

// latest is the last time of the schedule that has come since first, and the one after it. It steps over the bulk of a long pause.
func latest(s schedule.Schedule, first, now time.Time) (last, next time.Time) {
	if every, ok := s.(schedule.ConstantDelaySchedule); ok {
		last = first.Add(now.Sub(first).Truncate(every.Delay))
		return last, last.Add(every.Delay)
	}
	last = first
	for back := 2 * 24 * time.Hour; last.Before(now.Add(-back)); back *= 2 {
		if near := s.Next(now.Add(-back)); !near.IsZero() && !near.After(now) {
			last = near
			break
		}
	}
	for next = s.Next(last); !next.IsZero() && !next.After(now); next = s.Next(last) {
		last = next
	}
	return last, next
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

// runOf says whether a job is that of a time of the schedule.
func runOf(cron *batchv1.CronJob, one *batchv1.Job) bool {
	at, err := time.Parse(time.RFC3339, one.Annotations[batchv1.CronJobScheduledTimestampAnnotation])
	return err == nil && one.Name == nameFor(cron, at)
}

func nameFor(cron *batchv1.CronJob, at time.Time) string {
	return cron.Name + "-" + strconv.FormatInt(at.Unix()/60, 10)
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
			Namespace: cron.Namespace, Name: nameFor(cron, at),
			Labels: template.Labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cron, kind)},
		},
		Spec: template.Spec,
	}
}
