package queue

import fwk "k8s.io/kube-scheduler/framework"

// The parts of the queue and what brings pods there, by the names that metrics have for them.
const (
	activeQueue        = "active"
	backoffQueue       = "backoff"
	unschedulableQueue = "unschedulable"
	gatedQueue         = "gated"

	podAdded      = "UnschedulablePodAdd"
	podUpdated    = "UnschedulablePodUpdate"
	backoffOver   = "BackoffComplete"
	backoffEnded  = "PopFromBackoffQ"
	attemptFailed = "ScheduleAttemptFailure"
	waitedLong    = "UnschedulableTimeout"
	podPopped     = "PodPopped"
)

func (q *Queue) tell(event, queue string) {
	if q.Incoming != nil {
		q.Incoming(event, queue)
	}
}

// label of an event. Other pods that something happens to have a node.
func (r recorded) label() string {
	event := r.event
	switch {
	case event.Resource != fwk.Pod:
	case r.of != "":
		event.Resource = "UnschedulablePod"
	default:
		event.Resource = "AssignedPod"
	}
	return event.Label()
}

// Refusal is a plugin that keeps pods of a profile from being scheduled.
type Refusal struct{ Plugin, Profile string }

// Count is how many pods are where.
type Count struct {
	// Pending pods by the part of the queue.
	Pending map[string]int
	// Refused pods by who refuses; a pod counts for each.
	Refused map[Refusal]int
	// Events that are kept for pods that are being tried, by their names, and such pods as PodPopped.
	Events map[string]int
}

// Count counts the pods that are not being tried.
func (q *Queue) Count() Count {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := Count{Pending: map[string]int{activeQueue: len(q.active.pods), backoffQueue: len(q.backoff.pods)}, Refused: map[Refusal]int{}, Events: map[string]int{podPopped: len(q.flight)}}
	for _, r := range q.recent {
		c.Events[r.label()]++
	}
	for p := range q.waiting {
		name := p.GetPod().Spec.SchedulerName
		if p.gate != "" {
			c.Pending[gatedQueue]++
			c.Refused[Refusal{p.gate, name}]++
			continue
		}
		c.Pending[unschedulableQueue]++
		for plugin := range p.Refused {
			c.Refused[Refusal{plugin, name}]++
		}
	}
	return c
}
