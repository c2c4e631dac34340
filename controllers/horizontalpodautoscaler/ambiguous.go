package horizontalpodautoscaler

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unshared notes whose pods the autoscaler takes, and fails if any of them is another's, too: two would scale against each other.
func (r *round) unshared(ctx context.Context, selector labels.Selector) error {
	self := client.ObjectKeyFromObject(r.hpa)
	others := r.selects(self, selector)
	if len(others) == 0 {
		return nil
	}
	pods, err := r.pods(ctx, selector)
	if err != nil {
		return err
	}
	all := []string{self.String()}
	for name, theirs := range others {
		if slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return theirs.Matches(labels.Set(pod.Labels)) }) {
			all = append(all, name.String())
		}
	}
	if len(all) == 1 {
		return nil
	}
	slices.Sort(all)
	message := fmt.Sprintf("pods by selector %v are controlled by multiple HPAs: %v", selector, all)
	return r.inactive("AmbiguousSelector", message, message)
}

// selects notes the selector of an autoscaler's target, and returns those noted of the others in its namespace.
func (c *Controller) selects(self types.NamespacedName, selector labels.Selector) map[types.NamespacedName]labels.Selector {
	c.mu.Lock()
	defer c.mu.Unlock()
	others := map[types.NamespacedName]labels.Selector{}
	for name, h := range c.history {
		switch {
		case name == self:
			h.selector = selector
		case name.Namespace == self.Namespace && h.selector != nil:
			others[name] = h.selector
		}
	}
	return others
}
