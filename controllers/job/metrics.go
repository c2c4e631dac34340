package job

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	duration                                                              *prometheus.HistogramVec
	syncs, jobs, pods, indexes, creations, failures, finalizers, external *prometheus.CounterVec
	names                                                                 kit.Names // of other controllers
}

func newMetrics(to prometheus.Registerer) *metrics {
	const prefix = "job_controller_"
	return &metrics{
		duration: kit.Histograms(to, prometheus.HistogramOpts{
			Name: prefix + "job_sync_duration_seconds", Help: "The time it took to sync a job", Buckets: prometheus.ExponentialBuckets(0.004, 2, 15),
		}, "completion_mode", "result", "action"),
		syncs:      kit.Counters(to, prefix+"job_syncs_total", "The number of job syncs", "completion_mode", "result", "action"),
		jobs:       kit.Counters(to, prefix+"jobs_finished_total", "The number of finished jobs", "completion_mode", "result", "reason"),
		pods:       kit.Counters(to, prefix+"job_pods_finished_total", "The number of finished Pods that are fully tracked", "completion_mode", "result"),
		indexes:    kit.Counters(to, prefix+"job_finished_indexes_total", "The number of finished indexes, by status (succeeded, failed) and backoffLimit (perIndex, global)", "status", "backoffLimit"),
		creations:  kit.Counters(to, prefix+"job_pods_creation_total", "The number of Pods created by the Job controller, by reason (new, recreate_terminating_or_failed, recreate_failed) and status (succeeded, failed)", "reason", "status"),
		failures:   kit.Counters(to, prefix+"pod_failures_handled_by_failure_policy_total", "The number of failed Pods handled by failure policy, by the action of the rule", "action"),
		finalizers: kit.Counters(to, prefix+"terminated_pods_tracking_finalizer_total", "The number of terminated pods (phase=Failed|Succeeded) that have the finalizer batch.kubernetes.io/job-tracking, by event (add, delete)", "event"),
		external:   kit.Counters(to, prefix+"jobs_by_external_controller_total", "The number of Jobs managed by an external controller", "controller_name"),
	}
}

func modeOf(job *batchv1.Job) string {
	return string(ptr.Deref(job.Spec.CompletionMode, batchv1.NonIndexedCompletion))
}

// What a look at a job does.
const (
	reconciling = "reconciling" // what was written before is not to be seen yet
	tracking    = "tracking"
	created     = "pods_created"
	deleted     = "pods_deleted"
)

func actionOf(todo *plan, settled bool) string {
	switch {
	case !settled:
		return reconciling
	case len(todo.create) > 0:
		return created
	case len(todo.remove) > 0:
		return deleted
	}
	return tracking
}

func (m *metrics) synced(job *batchv1.Job, action string, took time.Duration, err error) {
	if m == nil || Finished(job) {
		return
	}
	result := "success"
	if err != nil {
		result = "error"
	}
	m.syncs.WithLabelValues(modeOf(job), result, action).Inc()
	m.duration.WithLabelValues(modeOf(job), result, action).Observe(took.Seconds())
}

const succeeded, failed = "succeeded", "failed"

// wrote counts what a status tells for the first time. It was written, so nobody else has counted it.
func (m *metrics) wrote(job *batchv1.Job, now *batchv1.JobStatus) {
	if m == nil {
		return
	}
	before, mode := &job.Status, modeOf(job)
	m.pods.WithLabelValues(mode, succeeded).Add(float64(max(now.Succeeded-before.Succeeded, 0)))
	m.pods.WithLabelValues(mode, failed).Add(float64(max(now.Failed-before.Failed, 0)))
	if indexed(job) {
		limit, most := "global", int(completions(job))
		more := func(before, now string) float64 {
			return float64(max(parseIndexes(now, most).count()-parseIndexes(before, most).count(), 0))
		}
		if job.Spec.BackoffLimitPerIndex != nil {
			limit = "perIndex"
			m.indexes.WithLabelValues(failed, limit).Add(more(ptr.Deref(before.FailedIndexes, ""), ptr.Deref(now.FailedIndexes, "")))
		}
		m.indexes.WithLabelValues(succeeded, limit).Add(more(before.CompletedIndexes, now.CompletedIndexes))
	}
	if Finished(job) {
		return
	}
	if end := condition(now, batchv1.JobComplete); end != nil && end.Status == corev1.ConditionTrue {
		m.jobs.WithLabelValues(mode, succeeded, end.Reason).Inc()
	} else if end := condition(now, batchv1.JobFailed); end != nil && end.Status == corev1.ConditionTrue {
		m.jobs.WithLabelValues(mode, failed, end.Reason).Inc()
	}
}

// create counts a pod, by whether it is there for another.
func (m *metrics) create(job *batchv1.Job, now *batchv1.JobStatus, err error) {
	if m == nil {
		return
	}
	reason, status := "new", succeeded
	if ptr.Deref(now.Terminating, 0) > 0 || now.Failed > 0 || len(uncounted(now).Failed) > 0 {
		reason = "recreate_terminating_or_failed"
		if replaceOnlyFailed(job) {
			reason = "recreate_failed"
		}
	}
	if err != nil {
		status = failed
	}
	m.creations.WithLabelValues(reason, status).Inc()
}

func uncounted(status *batchv1.JobStatus) batchv1.UncountedTerminatedPods {
	return ptr.Deref(status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
}

// released counts a pod that a rule of the failure policy was for. Its finalizer is gone, so it is not looked at again.
func (m *metrics) released(job *batchv1.Job, pod *corev1.Pod) {
	if m == nil || !isFailed(job, pod) {
		return
	}
	if action, rule := failureAction(job, pod); rule != "" {
		m.failures.WithLabelValues(string(action)).Inc()
	}
}

// foreign counts the jobs that others care for.
func (m *metrics) foreign(o client.Object) {
	job, ok := o.(*batchv1.Job)
	if m == nil || !ok || job.Spec.ManagedBy == nil || *job.Spec.ManagedBy == batchv1.JobControllerName {
		return
	}
	m.external.WithLabelValues(m.names.Of(*job.Spec.ManagedBy)).Inc()
}

// watchFinalizers counts the pods that have ended, and those of them that are let go. It lets all events through.
func (m *metrics) watchFinalizers() predicate.Funcs {
	waits := func(o client.Object) bool {
		pod, ok := o.(*corev1.Pod)
		return ok && podcontrol.IsFinished(pod) && tracked(pod)
	}
	count := func(before, now bool) bool {
		if !before && now {
			m.finalizers.WithLabelValues("add").Inc()
		}
		if before && !now {
			m.finalizers.WithLabelValues("delete").Inc()
		}
		return true
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return count(false, waits(e.Object)) },
		UpdateFunc: func(e event.UpdateEvent) bool { return count(waits(e.ObjectOld), waits(e.ObjectNew)) },
		DeleteFunc: func(e event.DeleteEvent) bool { return count(waits(e.Object), false) },
	}
}
