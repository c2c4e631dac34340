package job

import (
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newJob(parallelism, completions, backoffLimit int32) *batchv1.Job {
	start := metav1.NewTime(now.Add(-time.Hour))
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "j"},
		Spec:       batchv1.JobSpec{Parallelism: &parallelism, Completions: &completions, BackoffLimit: &backoffLimit},
		Status:     batchv1.JobStatus{StartTime: &start},
	}
}

func pods(phase corev1.PodPhase, count int, finalizers ...string) []*corev1.Pod {
	var out []*corev1.Pod
	for i := range count {
		name := fmt.Sprintf("%s-%d", phase, i)
		out = append(out, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, UID: types.UID(name), Finalizers: finalizers, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
			},
			Status: corev1.PodStatus{Phase: phase},
		})
	}
	return out
}

func TestStartsAsManyAsMayRun(t *testing.T) {
	todo := makePlan(newJob(2, 5, 6), nil, true, now)
	if len(todo.create) != 2 {
		t.Errorf("creates %d pods, want 2", len(todo.create))
	}
	if todo = makePlan(newJob(2, 5, 6), nil, false, now); len(todo.create) != 0 {
		t.Errorf("creates %d pods while earlier ones may not be visible yet", len(todo.create))
	}
}

func TestCountsEachPodOnce(t *testing.T) {
	job := newJob(3, 3, 6)
	ended := pods(corev1.PodSucceeded, 3, batchv1.JobTrackingFinalizer)
	first := makePlan(job, ended, true, now)
	if n := len(first.status.UncountedTerminatedPods.Succeeded); n != 3 || first.status.Succeeded != 0 || len(first.release) != 3 {
		t.Fatalf("on record %d, counted %d, released %d; want 3, 0, 3", n, first.status.Succeeded, len(first.release))
	}
	if Finished(&batchv1.Job{Status: first.status}) {
		t.Fatal("job ended before its pods were counted")
	}
	job.Status = first.status
	ended[0].Finalizers = nil
	second := makePlan(job, ended, true, now)
	if n := len(second.status.UncountedTerminatedPods.Succeeded); n != 2 || second.status.Succeeded != 1 {
		t.Fatalf("on record %d, counted %d; want 2, 1", n, second.status.Succeeded)
	}
	job.Status = second.status
	last := makePlan(job, pods(corev1.PodSucceeded, 3), true, now)
	if last.status.Succeeded != 3 || !Finished(&batchv1.Job{Status: last.status}) {
		t.Errorf("counted %d, conditions %v; want 3 and Complete", last.status.Succeeded, last.status.Conditions)
	}
}

func TestFailsBeyondTheBackoffLimit(t *testing.T) {
	job := newJob(2, 2, 1)
	all := append(pods(corev1.PodFailed, 2, batchv1.JobTrackingFinalizer), pods(corev1.PodRunning, 1, batchv1.JobTrackingFinalizer)...)
	todo := makePlan(job, all, true, now)
	target := condition(&todo.status, batchv1.JobFailureTarget)
	if target == nil || target.Reason != "BackoffLimitExceeded" || target.Message != "Job has reached the specified backoff limit" {
		t.Fatalf("FailureTarget is %v", target)
	}
	if len(todo.remove) != 1 || len(todo.create) != 0 {
		t.Errorf("deletes %d and creates %d pods, want 1 and 0", len(todo.remove), len(todo.create))
	}
}

func TestWaitsAfterFailures(t *testing.T) {
	failed := pods(corev1.PodFailed, 2, batchv1.JobTrackingFinalizer)
	for _, pod := range failed {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(now.Add(-5 * time.Second))},
		}}}
	}
	todo := makePlan(newJob(1, 1, 6), failed, true, now)
	if len(todo.create) != 0 || todo.wait != 15*time.Second {
		t.Errorf("creates %d pods and waits %s, want none and 15s: 20s after the second failure", len(todo.create), todo.wait)
	}
}

func TestDeadline(t *testing.T) {
	job := newJob(1, 1, 6)
	job.Spec.ActiveDeadlineSeconds = ptr.To[int64](60)
	todo := makePlan(job, pods(corev1.PodRunning, 1, batchv1.JobTrackingFinalizer), true, now)
	if target := condition(&todo.status, batchv1.JobFailureTarget); target == nil || target.Reason != "DeadlineExceeded" {
		t.Errorf("FailureTarget is %v, want DeadlineExceeded", target)
	}
}

func TestSuspending(t *testing.T) {
	job := newJob(2, 2, 6)
	job.Spec.Suspend = ptr.To(true)
	todo := makePlan(job, pods(corev1.PodRunning, 2, batchv1.JobTrackingFinalizer), true, now)
	if len(todo.remove) != 2 || !isTrue(&todo.status, batchv1.JobSuspended) || todo.status.StartTime != nil {
		t.Errorf("deletes %d pods, conditions %v, started %v", len(todo.remove), todo.status.Conditions, todo.status.StartTime)
	}
}

func TestIndexes(t *testing.T) {
	set := parseIndexes("0,2-4,9,nonsense,7-5", 9)
	if got := set.with(1).with(6).String(); got != "0-4,6" {
		t.Errorf("got %s, want 0-4,6", got)
	}
	if got := set.with(5).String(); got != "0,2-5" {
		t.Errorf("got %s, want 0,2-5", got)
	}
	if set.count() != 4 || !set.has(3) || set.has(1) || set.has(9) {
		t.Errorf("set is %v", set)
	}
}

func TestSuspendedPodsHaveNotFailed(t *testing.T) {
	job := newJob(2, 2, 6)
	job.Spec.Suspend = ptr.To(true)
	if todo := makePlan(job, pods(corev1.PodRunning, 2, batchv1.JobTrackingFinalizer), true, now); len(todo.remove) != 2 || !todo.forgive {
		t.Errorf("removes %d pods, forgiven %v; want 2 that do not count as failed", len(todo.remove), todo.forgive)
	}
	job.Spec.Suspend, job.Spec.ActiveDeadlineSeconds = nil, ptr.To[int64](1)
	if todo := makePlan(job, pods(corev1.PodRunning, 2, batchv1.JobTrackingFinalizer), true, now); len(todo.remove) != 2 || todo.forgive {
		t.Errorf("removes %d pods, forgiven %v; want 2 that count as failed: the job has", len(todo.remove), todo.forgive)
	}
}

func TestEachIndexHasItsOwnDelay(t *testing.T) {
	job := newJob(2, 2, 6)
	job.Spec.CompletionMode, job.Spec.BackoffLimitPerIndex = ptr.To(batchv1.IndexedCompletion), ptr.To[int32](3)
	failed := pods(corev1.PodFailed, 2)
	for i, pod := range failed {
		pod.Annotations = map[string]string{batchv1.JobCompletionIndexAnnotation: fmt.Sprint(i), batchv1.JobIndexFailureCountAnnotation: fmt.Sprint(i)}
		pod.CreationTimestamp = metav1.NewTime(now)
	}
	if todo := makePlan(job, failed, true, now); len(todo.create) != 0 || todo.wait != 10*time.Second {
		t.Errorf("creates %d pods, waits %s; want none for 10s: each index failed for itself", len(todo.create), todo.wait)
	}
	if todo := makePlan(job, failed, true, now.Add(10*time.Second)); len(todo.create) != 1 || todo.create[0].index != 0 || todo.wait != 10*time.Second {
		t.Errorf("creates %v, waits %s; want index 0, and another 10s for the one that failed twice", todo.create, todo.wait)
	}
}

// What is still running when enough has succeeded is deleted, and has not failed.
func TestPodsThatASuccessMakesNeedlessHaveNotFailed(t *testing.T) {
	job := newJob(3, 3, 6)
	job.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
	job.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededCount: ptr.To[int32](1)}}}
	all := append(pods(corev1.PodSucceeded, 1, batchv1.JobTrackingFinalizer), pods(corev1.PodRunning, 2, batchv1.JobTrackingFinalizer)...)
	for i, pod := range all {
		pod.Annotations = map[string]string{batchv1.JobCompletionIndexAnnotation: fmt.Sprint(i)}
	}
	todo := makePlan(job, all, true, now)
	if !isTrue(&todo.status, batchv1.JobSuccessCriteriaMet) || len(todo.remove) != 2 {
		t.Fatalf("removes %d pods, want 2 when the job has succeeded", len(todo.remove))
	}
	if !todo.forgive {
		t.Error("they keep their finalizer, and will count as failed")
	}
}

// A pod that a failed job deletes is counted and let go, also where only failed pods are replaced: it may never say how it ended.
func TestPodsOfAFailedJobAreLetGo(t *testing.T) {
	job := newJob(1, 1, 0)
	job.Spec.PodReplacementPolicy = ptr.To(batchv1.Failed)
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, Reason: batchv1.JobReasonDeadlineExceeded}}
	going := pods(corev1.PodPending, 1, batchv1.JobTrackingFinalizer)
	going[0].DeletionTimestamp = &metav1.Time{Time: now}
	todo := makePlan(job, going, true, now)
	if n := len(todo.status.UncountedTerminatedPods.Failed); n != 1 || len(todo.release) != 1 {
		t.Errorf("on record %d, let go %d, want 1 and 1", n, len(todo.release))
	}
}
