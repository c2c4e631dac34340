package scheduler

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// failure says why an attempt has bound nothing: nodes that refused, or an error.
type failure struct {
	nodes   map[string]*fwk.Status
	refused sets.Set[string] // names of the plugins that refused; empty for an error
	total   int
	message string // in place of a summary of nodes
	advice  string
	err     error
}

var _ fwk.NodeToStatusReader = &failure{}

// failed is an attempt that met an error.
func failed(status *fwk.Status) *failure {
	err := status.AsError()
	if status.Plugin() != "" {
		err = fmt.Errorf("running plugin %q: %w", status.Plugin(), err)
	}
	return &failure{err: err, message: err.Error()}
}

// refusedByAll is a refusal before any node was looked at.
func refusedByAll(status *fwk.Status, nodes []fwk.NodeInfo) *failure {
	if !status.IsRejected() {
		return failed(status)
	}
	f := &failure{nodes: map[string]*fwk.Status{}, refused: sets.New(status.Plugin()), total: len(nodes)}
	f.message = fmt.Sprintf("0/%d nodes are available: %s.", len(nodes), status.Message())
	for _, node := range nodes {
		f.nodes[node.Node().Name] = status
	}
	return f
}

// Get implements fwk.NodeToStatusReader.
func (f *failure) Get(node string) *fwk.Status { return f.nodes[node] }

// NodesForStatusCode implements fwk.NodeToStatusReader.
func (f *failure) NodesForStatusCode(lister fwk.NodeInfoLister, code fwk.Code) ([]fwk.NodeInfo, error) {
	var nodes []fwk.NodeInfo
	for name, status := range f.nodes {
		if status.Code() != code {
			continue
		}
		node, err := lister.Get(name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// String is the message that users see: how many nodes refused, for each reason.
func (f *failure) String() string {
	message := f.message
	if message == "" {
		counts := map[string]int{}
		for _, status := range f.nodes {
			for _, reason := range status.Reasons() {
				counts[reason]++
			}
		}
		var reasons []string
		for reason, count := range counts {
			reasons = append(reasons, fmt.Sprintf("%d %s", count, reason))
		}
		slices.Sort(reasons)
		message = fmt.Sprintf("0/%d nodes are available: %s.", f.total, strings.Join(reasons, ", "))
	}
	if f.advice != "" {
		message += " " + f.advice
	}
	return message
}

// fail puts the pod back into the queue, and says why in an event and in its PodScheduled condition.
func (s *Scheduler) fail(ctx context.Context, pod *corev1.Pod, f *failure) {
	if !s.queue.Failed(pod.UID, f.refused) {
		return // it was deleted meanwhile
	}
	message, reason := f.String(), corev1.PodReasonUnschedulable
	if f.err != nil {
		reason = corev1.PodReasonSchedulerError
		log.FromContext(ctx).Error(f.err, "Scheduling a pod failed", "pod", client.ObjectKeyFromObject(pod))
	}
	s.Recorder.Eventf(pod, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", message)
	condition := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		ObservedGeneration: pod.Generation, LastTransitionTime: metav1.NewTime(s.Clock.Now()),
	}
	if err := s.setCondition(ctx, pod, condition); client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "Updating a pod's condition failed", "pod", client.ObjectKeyFromObject(pod))
	}
}

// setCondition patches one condition of a pod, if it says anything new.
func (s *Scheduler) setCondition(ctx context.Context, pod *corev1.Pod, condition corev1.PodCondition) error {
	changed := pod.DeepCopy()
	at := slices.IndexFunc(changed.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type })
	if at < 0 {
		changed.Status.Conditions = append(changed.Status.Conditions, condition)
		return s.Client.Status().Patch(ctx, changed, client.StrategicMergeFrom(pod))
	}
	old := changed.Status.Conditions[at]
	if old.Status == condition.Status && old.Reason == condition.Reason && old.Message == condition.Message {
		return nil
	}
	if old.Status == condition.Status {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	changed.Status.Conditions[at] = condition
	return s.Client.Status().Patch(ctx, changed, client.StrategicMergeFrom(pod))
}
