package job

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// A job from its start to its end counts each thing once, however often it is looked at.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	job := newJob(1, 1, 6)
	job.Namespace, job.UID = "default", "u"
	job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	job.Spec.Template.Labels = map[string]string{"a": "b"}
	job.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action: batchv1.PodFailurePolicyActionFailJob, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{3}},
	}}}
	api := fake.NewClientBuilder().WithObjects(job).WithStatusSubresource(job, &corev1.Pod{}).
		WithIndex(&corev1.Pod{}, kit.OwnerIndex, podcontrol.ByOwner).Build()
	c := &Controller{
		Client: api, Claimer: podcontrol.Claimer{Client: api, Live: api}, Clock: testclock.NewFakePassiveClock(now.Add(time.Minute)), metrics: newMetrics(registry),
		Pods: podcontrol.Pods{Client: api, Recorder: record.NewFakeRecorder(100), Pending: podcontrol.NewPending()},
	}
	look := func() {
		t.Helper()
		current := &batchv1.Job{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(job), current); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reconcile(t.Context(), current); err != nil {
			t.Fatal(err)
		}
		c.Pods.Pending.Forget(job.UID)
	}
	look()
	list := &corev1.PodList{}
	if err := api.List(t.Context(), list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d pods: %v", len(list.Items), err)
	}
	pod := &list.Items[0]
	pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "c", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}},
	}}}
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		look()
	}
	all := fuzzing.Metrics(t, registry)
	for name, want := range map[string]float64{
		"job_controller_job_pods_creation_total{new,succeeded}":                       1,
		"job_controller_job_pods_finished_total{NonIndexed,failed}":                   1,
		"job_controller_job_pods_finished_total{NonIndexed,succeeded}":                0,
		"job_controller_jobs_finished_total{NonIndexed,PodFailurePolicy,failed}":      1,
		"job_controller_pod_failures_handled_by_failure_policy_total{FailJob}":        1,
		"job_controller_job_syncs_total{pods_created,NonIndexed,success}":             1,
		"job_controller_job_sync_duration_seconds{pods_created,NonIndexed,success}":   1,
		"job_controller_job_syncs_total{tracking,NonIndexed,success}":                 2,
		"job_controller_jobs_finished_total{NonIndexed,CompletionsReached,succeeded}": 0,
		"job_controller_job_pods_creation_total{recreate_failed,succeeded}":           0,
		"job_controller_terminated_pods_tracking_finalizer_total{add}":                0,
		"job_controller_jobs_by_external_controller_total{example.com/somebody}":      0,
		"job_controller_job_finished_indexes_total{global,succeeded}":                 0,
		"job_controller_pod_failures_handled_by_failure_policy_total{Ignore}":         0,
		"job_controller_job_sync_duration_seconds{pods_deleted,NonIndexed,success}":   0,
	} {
		if got := all[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if t.Failed() {
		t.Log(all)
	}
}

func TestCountsIndexes(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	job := newJob(3, 9, 6)
	job.Spec.CompletionMode, job.Spec.BackoffLimitPerIndex = ptr.To(batchv1.IndexedCompletion), ptr.To[int32](0)
	job.Status.CompletedIndexes = "1"
	m.wrote(job, &batchv1.JobStatus{CompletedIndexes: "1-3", FailedIndexes: ptr.To("4")})
	all := fuzzing.Metrics(t, registry)
	if done, failed := all["job_controller_job_finished_indexes_total{perIndex,succeeded}"], all["job_controller_job_finished_indexes_total{perIndex,failed}"]; done != 2 || failed != 1 {
		t.Errorf("%v and %v indexes, want 2 and 1", done, failed)
	}
}

func TestCountsFinalizersAndStrangers(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	running, ended, free := pods(corev1.PodRunning, 1, batchv1.JobTrackingFinalizer)[0], pods(corev1.PodFailed, 1, batchv1.JobTrackingFinalizer)[0], pods(corev1.PodFailed, 1)[0]
	watch := m.watchFinalizers()
	for _, passed := range []bool{
		watch.Create(event.CreateEvent{Object: running}), watch.Update(event.UpdateEvent{ObjectOld: running, ObjectNew: ended}),
		watch.Update(event.UpdateEvent{ObjectOld: ended, ObjectNew: ended}), watch.Update(event.UpdateEvent{ObjectOld: ended, ObjectNew: free}),
		watch.Delete(event.DeleteEvent{Object: free}),
	} {
		if !passed {
			t.Error("an event is held back")
		}
	}
	for i := range 55 {
		job := newJob(1, 1, 1)
		job.Spec.ManagedBy = ptr.To("example.com/" + string(rune('A'+i)))
		m.foreign(job)
	}
	all := fuzzing.Metrics(t, registry)
	if add, gone := all["job_controller_terminated_pods_tracking_finalizer_total{add}"], all["job_controller_terminated_pods_tracking_finalizer_total{delete}"]; add != 1 || gone != 1 {
		t.Errorf("%v come, %v go, want 1 and 1", add, gone)
	}
	if others := all["job_controller_jobs_by_external_controller_total{other}"]; others != 5 {
		t.Errorf("%v jobs of too many controllers, want 5", others)
	}
}
