package replication

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// measure notes how old the ready ones among victims are, as multiples of the youngest ready pod's age.
func (k *Keeper) measure(active, victims []*corev1.Pod) {
	if k.Ratio == nil {
		return
	}
	now, youngest := k.Clock.Now(), time.Time{}
	for _, pod := range active {
		if since := readySince(pod); podcontrol.IsReady(pod) && since.After(youngest) {
			youngest = since
		}
	}
	age := now.Sub(youngest)
	ready := slices.DeleteFunc(slices.Clone(victims), func(pod *corev1.Pod) bool { return !podcontrol.IsReady(pod) })
	for _, pod := range ready {
		if age > 0 {
			k.Ratio.Observe(float64(now.Sub(readySince(pod))) / float64(age))
		}
	}
}
