package defaultpreemption

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/scheduler/condition"
)

// evict asks the victims to end, beside the scheduling of other pods, and withdraws the nominations of pods of lower
// priority, which may fit elsewhere. The preemptor is held back until that is done.
func (p *Plugin) evict(ctx context.Context, preemptor *corev1.Pod, chosen candidate) {
	victims := make([]types.UID, len(chosen.victims))
	for i, info := range chosen.victims {
		victims[i] = info.GetPod().UID
	}
	p.Hold(preemptor.UID, victims)
	var outdone []*corev1.Pod
	for _, info := range p.Handle.NominatedPodsForNode(chosen.node) {
		if priority(info) < corev1helpers.PodPriority(preemptor) {
			outdone = append(outdone, info.GetPod())
		}
	}
	p.Go(func() {
		began := p.Clock.Now()
		err := p.evictAll(ctx, preemptor, chosen, outdone)
		p.Metrics.Evicted(err, p.Clock.Since(began))
		if err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "Preempting pods failed", "pod", client.ObjectKeyFromObject(preemptor), "node", chosen.node)
		}
		p.Release(preemptor.UID, err != nil)
	})
}

func (p *Plugin) evictAll(ctx context.Context, preemptor *corev1.Pod, chosen candidate, outdone []*corev1.Pod) error {
	errs := make([]error, len(chosen.victims))
	p.Handle.Parallelizer().Until(ctx, len(errs), func(i int) {
		errs[i] = p.evictOne(ctx, preemptor, chosen.victims[i].GetPod(), chosen.node)
	}, Name)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return err
	}
	for _, pod := range outdone {
		withdrawn := pod.DeepCopy()
		withdrawn.Status.NominatedNodeName = ""
		p.Handle.DeleteNominatedPodIfExists(pod)
		if err := p.Client.Status().Patch(ctx, withdrawn, client.MergeFrom(pod)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("withdrawing the nomination of pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		p.Retry(pod.UID)
	}
	return nil
}

func (p *Plugin) evictOne(ctx context.Context, preemptor, victim *corev1.Pod, node string) error {
	waiting := p.Handle.GetWaitingPod(victim.UID)
	switch {
	case waiting != nil && waiting.Preempt(Name, "preempted"):
	case victim.DeletionTimestamp != nil:
		return nil // it is on its way
	default:
		if err := p.delete(ctx, preemptor, victim); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("evicting pod %s/%s: %w", victim.Namespace, victim.Name, err)
		}
	}
	p.Handle.EventRecorder().Eventf(victim, preemptor, corev1.EventTypeNormal, "Preempted", "Preempting", "Preempted by pod %v on node %v", preemptor.UID, node)
	return nil
}

func (p *Plugin) delete(ctx context.Context, preemptor, victim *corev1.Pod) error {
	marked := condition.Change{Condition: corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonPreemptionByScheduler, ObservedGeneration: victim.Generation,
		Message:            fmt.Sprintf("%s: preempting to accommodate a higher priority pod", preemptor.Spec.SchedulerName),
		LastTransitionTime: metav1.NewTime(p.Clock.Now()),
	}}
	if err := marked.Write(ctx, p.Client, victim); err != nil {
		return err
	}
	return p.Client.Delete(ctx, victim, client.Preconditions{UID: &victim.UID})
}
