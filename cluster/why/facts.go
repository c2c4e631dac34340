package why

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/coxswain-k8s/coxswain/scheduler"
)

// Facts are what is known of a pod.
type Facts struct {
	Now metav1.Time `json:"now"`
	Pod corev1.Pod  `json:"pod"`
	// Node that the pod is on; nil if it has none or it could not be read.
	Node *corev1.Node `json:"node,omitempty"`
	// NodeGone says that there is no such node.
	NodeGone bool           `json:"nodeGone,omitempty"`
	Events   []corev1.Event `json:"events,omitempty"`
	// Claims that the pod's volumes name, MissingClaims those that do not exist; ClaimEvents are of the former.
	Claims        []corev1.PersistentVolumeClaim `json:"claims,omitempty"`
	MissingClaims []string                       `json:"missingClaims,omitempty"`
	ClaimEvents   []corev1.Event                 `json:"claimEvents,omitempty"`
	Owner         *Owner                         `json:"owner,omitempty"`
	// Budgets are the PodDisruptionBudgets that select the pod.
	Budgets []policyv1.PodDisruptionBudget `json:"budgets,omitempty"`
	// Logs are the last lines of containers that have ended, by their names.
	Logs map[string]string `json:"logs,omitempty"`
	// Scheduler is what it knows of the pod; nil if it was not asked or cannot be, for the reason in SchedulerError.
	Scheduler      *scheduler.Explanation `json:"scheduler,omitempty"`
	SchedulerError string                 `json:"schedulerError,omitempty"`
}

// Owner is the controller of the pod.
type Owner struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Gone     bool   `json:"gone,omitempty"`
	Deleting bool   `json:"deleting,omitempty"`
}

// String is as kubectl names it.
func (o *Owner) String() string { return strings.ToLower(o.Kind) + "/" + o.Name }

func (f *Facts) condition(kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range f.Pod.Status.Conditions {
		if c := &f.Pod.Status.Conditions[i]; c.Type == kind {
			return c
		}
	}
	return nil
}

// since is how long something has been so.
func (f *Facts) since(t metav1.Time) string { return duration.HumanDuration(f.Now.Sub(t.Time)) }

// ago is how long ago something was.
func (f *Facts) ago(t metav1.Time) string { return duration.HumanDuration(f.Now.Sub(t.Time)) + " ago" }

// in is how long something is ahead.
func (f *Facts) in(t time.Time) string { return "in " + duration.HumanDuration(t.Sub(f.Now.Time)) }

// when an event was last seen.
func when(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && e.Series.LastObservedTime.After(e.LastTimestamp.Time):
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

func times(e *corev1.Event) int32 {
	if e.Series != nil {
		return max(e.Series.Count, e.Count, 1)
	}
	return max(e.Count, 1)
}

// lately returns the events, the latest first.
func lately(events []corev1.Event) []corev1.Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b corev1.Event) int { return cmp.Compare(when(&b).UnixNano(), when(&a).UnixNano()) })
	return sorted
}

// last returns the latest event of one of the reasons, about a container unless it is "", whose message contains the text.
func (f *Facts) last(container, text string, reasons ...string) *corev1.Event {
	events := lately(f.Events)
	for i := range events {
		e := &events[i]
		if container != "" && !strings.Contains(e.InvolvedObject.FieldPath, "{"+container+"}") {
			continue
		}
		if slices.Contains(reasons, e.Reason) && strings.Contains(e.Message, text) {
			return e
		}
	}
	return nil
}

// lost says what is wrong with the pod's node, or "".
func (f *Facts) lost() string {
	node := f.Pod.Spec.NodeName
	if f.NodeGone {
		return "its node " + node + " is no longer there"
	}
	if f.Node == nil {
		return ""
	}
	for _, c := range f.Node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			return "its node " + node + " is not ready: " + cmp.Or(c.Message, c.Reason) + " (" + f.ago(c.LastTransitionTime) + ")"
		}
	}
	return ""
}
