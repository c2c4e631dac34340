package podtopologyspread

import (
	"cmp"
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
)

// EventsToRegister implements fwk.EnqueueExtensions.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Add | fwk.Delete | fwk.UpdatePodLabel}, QueueingHintFn: p.podHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.Delete | fwk.UpdateNodeLabel | fwk.UpdateNodeTaint}, QueueingHintFn: p.nodeHelps},
	}, nil
}

// podHelps: another pod that came, went or changed its labels and counts for a constraint, or the pod itself.
func (p *Plugin) podHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Pod](old, changed)
	other := cmp.Or(now, before)
	switch {
	case other == nil || other.Namespace != waiting.Namespace: // most are of other namespaces: they are told apart before anything is read
		return fwk.QueueSkip, nil
	case other.UID == waiting.UID:
		return fwk.Queue, nil
	}
	constraints, err := p.constraints(context.Background(), waiting, corev1.DoNotSchedule)
	if err != nil {
		return fwk.Queue, err
	}
	for i := range constraints {
		counts := func(pod *corev1.Pod) bool {
			return pod != nil && constraints[i].selector.Matches(labels.Set(pod.Labels))
		}
		if counts(before) || counts(now) {
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}

// nodeHelps: a node that came, went or changed in what constraints look at, if it is or was in a domain of each.
func (p *Plugin) nodeHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Node](old, changed)
	constraints, err := p.constraints(context.Background(), waiting, corev1.DoNotSchedule)
	if err != nil {
		return fwk.Queue, err
	}
	was, is := before != nil && hasAll(before.Labels, constraints), now != nil && hasAll(now.Labels, constraints)
	if !was && !is {
		return fwk.QueueSkip, nil
	}
	if was != is {
		return fwk.Queue, nil
	}
	for i := range constraints {
		c := &constraints[i]
		if before.Labels[c.key] != now.Labels[c.key] || c.includes(before) != c.includes(now) {
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}
