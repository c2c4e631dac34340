package defaultpreemption

import (
	"context"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// budget is a PodDisruptionBudget and its parsed selector.
type budget struct {
	*policyv1.PodDisruptionBudget
	selector labels.Selector
}

func readBudgets(ctx context.Context, reader client.Reader) ([]budget, error) {
	var list policyv1.PodDisruptionBudgetList
	if err := reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var budgets []budget
	for i := range list.Items {
		selector, err := metav1.LabelSelectorAsSelector(list.Items[i].Spec.Selector)
		if err != nil {
			continue // it protects nobody
		}
		budgets = append(budgets, budget{&list.Items[i], selector})
	}
	return budgets, nil
}

// divide separates the pods whose eviction would break a budget, if all of them were evicted in this order. A pod
// whose eviction the budget's status counts already takes nothing more.
func divide(budgets []budget, pods []fwk.PodInfo) (violating, others []fwk.PodInfo) {
	left := make([]int32, len(budgets))
	for i := range budgets {
		left[i] = budgets[i].Status.DisruptionsAllowed
	}
	for _, info := range pods {
		pod, breaks := info.GetPod(), false
		for i := range budgets {
			b := &budgets[i]
			if b.Namespace != pod.Namespace || !b.selector.Matches(labels.Set(pod.Labels)) {
				continue
			}
			if _, counted := b.Status.DisruptedPods[pod.Name]; counted {
				continue
			}
			left[i]--
			breaks = breaks || left[i] < 0
		}
		if breaks {
			violating = append(violating, info)
		} else {
			others = append(others, info)
		}
	}
	return violating, others
}
