package job

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/replication"
)

// plan is what a look at a job comes to: a status to write, then pods to act on.
type plan struct {
	status  batchv1.JobStatus
	release []*corev1.Pod // the finalizer goes
	remove  []*corev1.Pod
	forgive bool // what is removed has not failed: its finalizer goes first
	create  []creation
	running []*corev1.Pod // beside which they are created
	wait    time.Duration
	events  []note
}

// creation is a pod to create. Without completion index, index is -1.
type creation struct {
	index    int
	failures int32
}

// note is an event of the job.
type note struct{ kind, reason, message string }

// makePlan computes all that is to be done for a job. settled is false while writes of
// ours are not in pods yet: then pods are neither created nor deleted.
func makePlan(job *batchv1.Job, pods []*corev1.Pod, settled bool, now time.Time) plan {
	s := newState(job, pods, now)
	var p plan
	if s.status.StartTime == nil && !suspended(job) {
		start := metav1.NewTime(now)
		s.status.StartTime = &start
	}
	s.count()
	if Finished(job) {
		return plan{status: s.status, release: s.release}
	}
	switch how := s.outcome(); {
	case how != nil:
		p.remove, p.forgive = s.active, how.complete // what a success makes needless has not failed
		if s.end(*how) {
			p.events = append(p.events, endNote(*how))
		}
	case suspended(job):
		p.remove, p.forgive = s.active, true
		p.events = append(p.events, s.suspend()...)
	default:
		p.events = append(p.events, s.resume()...)
		p.create, p.remove, p.wait = s.size()
		p.running, p.forgive = without(s.active, p.remove), true
	}
	if !settled || job.DeletionTimestamp != nil {
		p.create = nil
	}
	if !settled {
		p.remove = nil
		p.wait = kit.Sooner(p.wait, 30*time.Second) // the watch wakes sooner
	}
	if left := s.deadlineIn(); left > 0 {
		p.wait = kit.Sooner(p.wait, left+time.Millisecond)
	}
	p.status, p.release = s.status, s.release
	return p
}

// endNote is the event of an end.
func endNote(how outcome) note {
	if how.complete {
		return note{corev1.EventTypeNormal, "Completed", "Job completed"}
	}
	return note{corev1.EventTypeWarning, how.reason, how.message}
}

// suspend and resume change the condition, once, and tell of it.
func (s *state) suspend() []note {
	if isTrue(&s.status, batchv1.JobSuspended) {
		return nil
	}
	s.setCondition(batchv1.JobSuspended, corev1.ConditionTrue, "JobSuspended", "Job suspended")
	s.status.StartTime = nil
	return []note{{corev1.EventTypeNormal, "Suspended", "Job suspended"}}
}

func (s *state) resume() []note {
	if !isTrue(&s.status, batchv1.JobSuspended) {
		return nil
	}
	s.setCondition(batchv1.JobSuspended, corev1.ConditionFalse, "JobResumed", "Job resumed")
	start := metav1.NewTime(s.now)
	s.status.StartTime = &start // deadlines count from here
	return []note{{corev1.EventTypeNormal, "Resumed", "Job resumed"}}
}

// size says which pods to create and delete so that as many are active as should be.
func (s *state) size() (create []creation, remove []*corev1.Pod, wait time.Duration) {
	want := max(ptr.Deref(s.job.Spec.Parallelism, 1), 0)
	if s.job.Spec.Completions == nil {
		if s.succeeded() > 0 {
			want = min(want, int32(len(s.active)))
		}
	} else {
		want = min(want, max(*s.job.Spec.Completions-s.succeeded()-int32(s.failed.count()), 0))
	}
	remove = s.unwanted()
	active := int32(len(s.active) - len(remove))
	if active > want {
		rest := without(s.active, remove)
		return nil, append(remove, replication.Victims(rest, rest, int(active-want), s.now)...), 0
	}
	missing := want - active
	if replaceOnlyFailed(s.job) {
		missing -= s.terminating
	}
	missing = min(missing, podcontrol.Burst)
	if missing <= 0 {
		return nil, remove, 0
	}
	if s.job.Spec.BackoffLimitPerIndex == nil || !indexed(s.job) {
		if wait = s.backoff(); wait > 0 {
			return nil, remove, wait
		}
	}
	create, wait = s.creations(int(missing))
	return create, remove, wait
}

// without returns the pods that are not among some. It changes neither.
func without(pods, some []*corev1.Pod) []*corev1.Pod {
	if len(some) == 0 {
		return pods
	}
	return slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool { return slices.Contains(some, pod) })
}

// unwanted are active pods of an indexed job that no index needs: done or failed
// indexes, ones beyond the completions, and all but one of each.
func (s *state) unwanted() []*corev1.Pod {
	if !indexed(s.job) {
		return nil
	}
	var out []*corev1.Pod
	taken := map[int]bool{}
	for _, pod := range s.active {
		index, ok := indexOf(pod)
		if !ok || index >= int(completions(s.job)) || s.completed.has(index) || s.failed.has(index) || taken[index] {
			out = append(out, pod)
			continue
		}
		taken[index] = true
	}
	return out
}

// creations are the next pods that are missing, and how long those take that must wait. With a limit of failures for each index there is a delay
// for each, too: an index that waits keeps its place.
func (s *state) creations(missing int) (out []creation, wait time.Duration) {
	if !indexed(s.job) {
		for range missing {
			out = append(out, creation{index: -1})
		}
		return out, 0
	}
	taken := map[int]bool{}
	for _, pod := range s.pods {
		waits := replaceOnlyFailed(s.job) && pod.DeletionTimestamp != nil && !podcontrol.IsFinished(pod)
		if index, ok := indexOf(pod); ok && (podcontrol.IsActive(pod) || waits) {
			taken[index] = true
		}
	}
	for index := 0; index < int(completions(s.job)) && missing > 0; index++ {
		if taken[index] || s.completed.has(index) || s.failed.has(index) {
			continue
		}
		missing--
		if left := s.backoffOf(index); left > 0 {
			wait = kit.Sooner(wait, left)
			continue
		}
		out = append(out, creation{index: index, failures: s.failuresOf(index)})
	}
	return out, wait
}
