package why

import (
	"context"
	"fmt"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// readBudgets finds the budgets that select the pod.
func (r *Reader) readBudgets(ctx context.Context, f *Facts) {
	all := &policyv1.PodDisruptionBudgetList{}
	if err := r.Client.List(ctx, all, client.InNamespace(f.Pod.Namespace)); err != nil {
		return
	}
	for i := range all.Items {
		selector, err := metav1.LabelSelectorAsSelector(all.Items[i].Spec.Selector)
		if err == nil && selector.Matches(labels.Set(f.Pod.Labels)) {
			f.Budgets = append(f.Budgets, all.Items[i])
		}
	}
}

// evictable says whether budgets keep a ready pod from being evicted, as when its node is drained.
func evictable(f *Facts, r *report) {
	if len(f.Budgets) > 1 {
		var names []string
		for i := range f.Budgets {
			names = append(names, f.Budgets[i].Name)
		}
		r.help = append(r.help, "to have it evicted, let one PodDisruptionBudget select it only")
		r.add("Eviction", "is refused: several PodDisruptionBudgets select it: "+strings.Join(names, ", "))
		return
	}
	for i := range f.Budgets {
		budget := &f.Budgets[i]
		status := &budget.Status
		pods := fmt.Sprintf("%d of %d pods are ready, and %d have to be", status.CurrentHealthy, status.ExpectedPods, status.DesiredHealthy)
		if status.DisruptionsAllowed > 0 {
			r.add("Eviction", fmt.Sprintf("the PodDisruptionBudget %s allows %d now: %s", budget.Name, status.DisruptionsAllowed, pods))
			continue
		}
		r.help = append(r.help, "to have it evicted, have more pods of the PodDisruptionBudget "+budget.Name+" ready, or relax it")
		r.add("Eviction", fmt.Sprintf("is refused by the PodDisruptionBudget %s: %s", budget.Name, pods))
	}
}
