package disruption

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// waker wakes the budgets that select a pod, as it is and as it was, and says of a pod that it has several: it cannot be evicted then. It
// implements handler.EventHandler.
type waker struct {
	recorder record.EventRecorder
	budgets  func(ctx context.Context, namespace string, look func(*policyv1.PodDisruptionBudget))
}

// Create implements handler.EventHandler.
func (w waker) Create(ctx context.Context, e event.CreateEvent, q queue) {
	if several := w.wake(ctx, q, e.Object); !e.IsInInitialList { // of those it was said before
		w.tell(e.Object, several)
	}
}

// Update implements handler.EventHandler.
func (w waker) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	w.tell(e.ObjectNew, w.wake(ctx, q, e.ObjectOld, e.ObjectNew))
}

// Delete implements handler.EventHandler.
func (w waker) Delete(ctx context.Context, e event.DeleteEvent, q queue) { w.wake(ctx, q, e.Object) }

// Generic implements handler.EventHandler.
func (waker) Generic(context.Context, event.GenericEvent, queue) {}

// wake wakes the budgets of the pods, which are one pod at different times. It returns the names of those that select it as it is last.
func (w waker) wake(ctx context.Context, q queue, pods ...client.Object) []string {
	now := pods[len(pods)-1]
	var selecting []string
	w.budgets(ctx, now.GetNamespace(), func(budget *policyv1.PodDisruptionBudget) {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err != nil {
			return
		}
		selects := func(pod client.Object) bool { return selector.Matches(labels.Set(pod.GetLabels())) }
		if slices.ContainsFunc(pods, selects) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(budget)})
		}
		if selects(now) {
			selecting = append(selecting, budget.Name)
		}
	})
	return selecting
}

// tell says of a pod that several budgets select it, in kube-controller-manager's words; here all of them count it.
func (w waker) tell(pod client.Object, budgets []string) {
	if len(budgets) > 1 {
		w.recorder.Event(pod, corev1.EventTypeWarning, "MultiplePodDisruptionBudgets",
			fmt.Sprintf("Pod %q/%q matches multiple PodDisruptionBudgets.  Chose %q arbitrarily.", pod.GetNamespace(), pod.GetName(), slices.Min(budgets)))
	}
}
