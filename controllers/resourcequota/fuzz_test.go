package resourcequota

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		quota, pod, service, claim := &corev1.ResourceQuota{}, &corev1.Pod{}, &corev1.Service{}, &corev1.PersistentVolumeClaim{}
		for _, o := range []any{quota, pod, service, claim} {
			fill.Fill(o)
		}
		inScope(&quota.Spec, pod)
		bestEffort(pod)
		podUsage(pod, fuzzing.Now())
		serviceUsage(service)
		claimUsage(claim)
		for name := range quota.Spec.Hard {
			kindOfName(name)
		}
	})
}
