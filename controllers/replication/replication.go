package replication

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Set is what a replica set and a replication controller have in common.
type Set struct {
	podcontrol.Owner
	Replicas        int32
	Template        *corev1.PodTemplateSpec
	MinReadySeconds int32
	Status          appsv1.ReplicaSetStatus
}

// Keeper brings the pods of a Set to the number it asks for.
type Keeper struct {
	Pods    podcontrol.Pods
	Claimer podcontrol.Claimer
	Clock   clock.PassiveClock
	// Related lists the pods that count when replicas on one node are thinned out
	// first: those of sibling sets. Nil means the set's own.
	Related func(ctx context.Context, set Set) ([]*corev1.Pod, error)
	// Ratio measures how much older than the youngest ready pod those are that are deleted. Nil measures nothing.
	Ratio prometheus.Observer
}

// NewKeeper returns a Keeper on a manager. Events come from the named component.
func NewKeeper(mgr manager.Manager, clk clock.PassiveClock, component string) *Keeper {
	return newKeeperFor(mgr, clk, kit.Recorder(mgr, component))
}

// newKeeperFor is NewKeeper with the recorder given.
func newKeeperFor(mgr manager.Manager, clk clock.PassiveClock, recorder record.EventRecorder) *Keeper {
	return &Keeper{
		Pods:    podcontrol.Pods{Client: mgr.GetClient(), Recorder: recorder, Pending: podcontrol.NewPending()},
		Claimer: podcontrol.Claimer{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		Clock:   clk,
	}
}

// Keep creates or deletes what is missing or too much. It returns the status that the
// set should have, and when to look again although nothing changes. After it has created or deleted pods that is the one it has: what it
// did is reported when the cache shows it, which wakes the set.
func (k *Keeper) Keep(ctx context.Context, set Set) (appsv1.ReplicaSetStatus, time.Duration, error) {
	seen := k.Pods.Pending.Seen()
	all, err := k.Claimer.Pods(ctx, set.Owner)
	if err != nil {
		return set.Status, 0, err
	}
	active := make([]*corev1.Pod, 0, len(all))
	for _, pod := range all {
		if podcontrol.IsActive(pod) {
			active = append(active, pod)
		}
	}
	var manageErr error
	moved := false
	settled := podcontrol.Settled(k.Pods.Pending, set.Object.GetUID(), seen, all)
	if settled && set.Object.GetDeletionTimestamp() == nil {
		moved, manageErr = k.manage(ctx, set, active)
	}
	if moved && manageErr == nil && len(set.Status.Conditions) == 0 {
		return set.Status, 0, nil
	}
	now := k.Clock.Now()
	status := statusOf(set, all, manageErr, now)
	wait := nextAvailable(active, set.MinReadySeconds, now)
	if !settled {
		wait = kit.Sooner(wait, 30*time.Second) // the watch wakes sooner; this outlives a lost event
	}
	return status, wait, manageErr
}

// manage creates or deletes pods, and says whether there was anything to do.
func (k *Keeper) manage(ctx context.Context, set Set, active []*corev1.Pod) (moved bool, err error) {
	switch diff := int(set.Replicas) - len(active); {
	case diff > 0:
		err := podcontrol.CreateMany(min(diff, podcontrol.Burst), func(int) error {
			return k.Pods.Create(ctx, set.Owner, podcontrol.FromTemplate(set.Owner, set.Template))
		})
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return false, nil // the namespace goes, and the set with it
		}
		return true, err
	case diff < 0:
		related := active
		if k.Related != nil {
			if related, err = k.Related(ctx, set); err != nil {
				return false, err
			}
		}
		victims := Victims(active, related, min(-diff, podcontrol.Burst), k.Clock.Now())
		k.measure(active, victims)
		return true, k.Pods.DeleteMany(ctx, set.Owner, victims)
	}
	return false, nil
}

// statusOf computes a set's status from its pods and from what managing them said.
func statusOf(set Set, all []*corev1.Pod, manageErr error, now time.Time) appsv1.ReplicaSetStatus {
	status := appsv1.ReplicaSetStatus{ObservedGeneration: set.Object.GetGeneration()}
	terminating := int32(0)
	active := 0
	for _, pod := range all {
		if podcontrol.IsFinished(pod) {
			continue
		}
		if pod.DeletionTimestamp != nil {
			terminating++
			continue
		}
		active++
		status.Replicas++
		if set.Template != nil && contains(pod.Labels, set.Template.Labels) {
			status.FullyLabeledReplicas++
		}
		if podcontrol.IsReady(pod) {
			status.ReadyReplicas++
			if podcontrol.IsAvailable(pod, set.MinReadySeconds, now) {
				status.AvailableReplicas++
			}
		}
	}
	status.TerminatingReplicas = &terminating
	status.Conditions = failure(set.Status.Conditions, manageErr, int(set.Replicas)-active, now)
	return status
}

// failure sets or clears the ReplicaFailure condition.
func failure(conditions []appsv1.ReplicaSetCondition, err error, diff int, now time.Time) []appsv1.ReplicaSetCondition {
	var out []appsv1.ReplicaSetCondition
	var had *appsv1.ReplicaSetCondition
	for i := range conditions {
		if conditions[i].Type == appsv1.ReplicaSetReplicaFailure {
			had = &conditions[i]
			continue
		}
		out = append(out, conditions[i])
	}
	switch {
	case err == nil:
		return out
	case had != nil:
		return append(out, *had)
	}
	reason := "FailedCreate"
	if diff < 0 {
		reason = "FailedDelete"
	}
	return append(out, appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: reason,
		Message: cause(err).Error(), LastTransitionTime: metav1.NewTime(now),
	})
}

// cause is the API server's own error below our wrapping, the first of several.
func cause(err error) error {
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		return status
	}
	return err
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if got, ok := have[key]; !ok || got != value {
			return false
		}
	}
	return true
}

func nextAvailable(pods []*corev1.Pod, minReadySeconds int32, now time.Time) time.Duration {
	next := time.Duration(0)
	for _, pod := range pods {
		if wait, ready := podcontrol.AvailableIn(pod, minReadySeconds, now); ready {
			next = kit.Sooner(next, wait)
		}
	}
	return next
}
