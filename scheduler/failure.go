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

	"github.com/coxswain-k8s/coxswain/scheduler/condition"
)

// failure says why an attempt has bound nothing: nodes that refused, or an error.
type failure struct {
	tried   []fwk.NodeInfo
	verdict []*fwk.Status          // of the nodes tried
	byName  map[string]*fwk.Status // made when somebody asks
	others  *fwk.Status            // of the nodes that were not tried
	refused sets.Set[string]       // names of the plugins that refused; empty for an error
	total   int
	message string // in place of a summary of nodes
	advice  string
	err     error
	// nomination of a node for the pod, or of none any more; nil leaves it as it is.
	nomination *fwk.NominatingInfo
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
	return &failure{
		others: status, refused: sets.New(status.Plugin()), total: len(nodes),
		message: fmt.Sprintf("0/%d nodes are available: %s.", len(nodes), status.Message()),
	}
}

// leaving says that the nodes that were tried are only some of all, because plugins had narrowed them.
func (f *failure) leaving(all int, by []string) *failure {
	if len(by) > 0 && f.err == nil {
		f.total = all
		f.others = fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", by))
		f.refused.Insert(by...)
	}
	return f
}

// refuse takes note of a node that was refused.
func (f *failure) refuse(node fwk.NodeInfo, status *fwk.Status) {
	f.tried, f.verdict = append(f.tried, node), append(f.verdict, status)
	if n := len(f.verdict); n < 2 || status.Plugin() != f.verdict[n-2].Plugin() {
		f.refused.Insert(status.Plugin())
	}
}

// Get implements fwk.NodeToStatusReader.
func (f *failure) Get(node string) *fwk.Status {
	if f.byName == nil {
		f.byName = make(map[string]*fwk.Status, len(f.tried))
		for i, node := range f.tried {
			f.byName[node.Node().Name] = f.verdict[i]
		}
	}
	if status := f.byName[node]; status != nil {
		return status
	}
	if f.others != nil {
		return f.others
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable)
}

// NodesForStatusCode implements fwk.NodeToStatusReader.
func (f *failure) NodesForStatusCode(lister fwk.NodeInfoLister, code fwk.Code) ([]fwk.NodeInfo, error) {
	var nodes []fwk.NodeInfo
	if f.others == nil || f.others.Code() != code { // only nodes that were tried
		for i, node := range f.tried {
			if f.verdict[i].Code() == code {
				nodes = append(nodes, node)
			}
		}
		return nodes, nil
	}
	all, err := lister.List()
	if err != nil {
		return nil, err
	}
	for _, node := range all {
		if f.Get(node.Node().Name).Code() == code {
			nodes = append(nodes, node)
		}
	}
	return nodes, nil
}

// String is the message that users see: how many nodes refused, for each reason.
func (f *failure) String() string {
	message := f.message
	if message == "" {
		counts := map[string]int{}
		for _, status := range f.verdict {
			for _, reason := range status.Reasons() {
				counts[reason]++
			}
		}
		if f.others != nil {
			for _, reason := range f.others.Reasons() {
				counts[reason] += f.total - len(f.verdict)
			}
		}
		var reasons []string
		for reason, count := range counts {
			reasons = append(reasons, fmt.Sprintf("%d %s", count, reason))
		}
		slices.Sort(reasons)
		message = fmt.Sprintf("0/%d nodes are available:", f.total)
		if len(reasons) > 0 {
			message += " " + strings.Join(reasons, ", ") + "."
		}
	}
	if f.advice != "" {
		message += " " + f.advice
	}
	return message
}

// fail says why in an event and in the pod's PodScheduled condition, and then puts the pod back into the queue. A
// nomination counts in the next cycle already; the rest is better done beside it.
func (s *Scheduler) fail(ctx context.Context, pod *corev1.Pod, f *failure) {
	if !s.queue.Has(pod.UID) {
		s.denominate(pod)
		return // it was deleted meanwhile
	}
	s.report(ctx, pod, f)
	s.queue.Failed(pod.UID, f.refused)
}

// beside runs something while other pods are scheduled; there is a bound on how much.
func (s *Scheduler) beside(run func()) {
	s.slots <- struct{}{}
	s.binding.Go(func() {
		defer func() { <-s.slots }()
		run()
	})
}

// meanwhile gives up the caller's share of that bound while it waits.
func (s *Scheduler) meanwhile(wait func() *fwk.Status) *fwk.Status {
	<-s.slots
	defer func() { s.slots <- struct{}{} }()
	return wait()
}

func (s *Scheduler) report(ctx context.Context, pod *corev1.Pod, f *failure) {
	message, reason := f.String(), corev1.PodReasonUnschedulable
	if f.err != nil {
		reason = corev1.PodReasonSchedulerError
		log.FromContext(ctx).Error(f.err, "Scheduling a pod failed", "pod", client.ObjectKeyFromObject(pod))
	}
	s.handles[pod.Spec.SchedulerName].recorder.Eventf(pod, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", message)
	change := condition.Change{Condition: corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		ObservedGeneration: pod.Generation, LastTransitionTime: metav1.NewTime(s.Clock.Now()),
	}}
	if f.nomination.Mode() == fwk.ModeOverride {
		change.Nominated = &f.nomination.NominatedNodeName
	}
	if err := change.Write(ctx, s.Client, pod); client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "Updating a pod's status failed", "pod", client.ObjectKeyFromObject(pod))
	}
}
