package disruption

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		budget := &policyv1.PodDisruptionBudget{}
		fill.Fill(budget)
		pods := fuzzing.List[corev1.Pod](fill, 6)
		expected, healthy, err := desired(budget, len(pods), 3)
		if err != nil {
			return
		}
		gone, _ := disrupted(budget, pods, fuzzing.Now())
		setStatus(budget, expected, healthy, healthyCount(pods, gone), gone)
		if budget.Status.DisruptionsAllowed < 0 {
			t.Error("a negative number of disruptions is allowed")
		}
	})
}
