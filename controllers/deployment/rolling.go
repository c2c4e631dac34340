package deployment

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// maxSurge is how many pods there may be above the deployment's size, also above a size
// of zero: zero unless rolling, percentages round up.
func maxSurge(d *appsv1.Deployment) int32 {
	surge, _ := fenceposts(d)
	return surge
}

// maxUnavailable is how many pods below its size a deployment may be: percentages round
// down, and when both limits come out as zero this one is one.
func maxUnavailable(d *appsv1.Deployment) int32 {
	_, unavailable := fenceposts(d)
	return min(unavailable, replicas(d))
}

func fenceposts(d *appsv1.Deployment) (surge, unavailable int32) {
	if !rolling(d) {
		return 0, 0
	}
	var up, down *intstr.IntOrString
	if limits := d.Spec.Strategy.RollingUpdate; limits != nil {
		up, down = limits.MaxSurge, limits.MaxUnavailable
	}
	surge = scaled(up, replicas(d), true)
	unavailable = scaled(down, replicas(d), false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable
}

func rolling(d *appsv1.Deployment) bool {
	return d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType
}

func scaled(limit *intstr.IntOrString, size int32, roundUp bool) int32 {
	if limit == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(limit, int(size), roundUp)
	if err != nil || n < 0 {
		return 0
	}
	return int32(min(n, 1<<30))
}

// currentSize is the size that the current set should have next: as large as the surge
// allows, never above the deployment's size.
func currentSize(d *appsv1.Deployment, sets *sets) int32 {
	want, have := replicas(d), setReplicas(sets.current)
	if !rolling(d) || have >= want {
		return want
	}
	room := want + maxSurge(d) - total(sets.all(), setReplicas)
	if room <= 0 {
		return have
	}
	return min(have+room, want)
}

// oldSizes are the sizes that the old sets should have next, one for each of sets.old.
// First go replicas that were not available anyway, then available ones as far as
// enough remain.
func oldSizes(d *appsv1.Deployment, sets *sets) []int32 {
	sizes := make([]int32, len(sets.old))
	for i, rs := range sets.old {
		sizes[i] = setReplicas(rs)
	}
	if total(sets.old, setReplicas) == 0 {
		return sizes
	}
	least := replicas(d) - maxUnavailable(d)
	notYet := setReplicas(sets.current) - available(sets.current)
	spare := total(sets.all(), setReplicas) - least - notYet
	if spare <= 0 {
		return sizes
	}
	for i, rs := range sets.old { // the unhealthy ones
		drop := min(spare, max(sizes[i]-available(rs), 0))
		sizes[i] -= drop
		spare -= drop
	}
	healthy := total(sets.all(), staying) - least
	for i := range sets.old {
		if healthy <= 0 {
			break
		}
		drop := min(healthy, sizes[i])
		sizes[i] -= drop
		healthy -= drop
	}
	return sizes
}

// staying is how many available replicas a set keeps: those that it has yet to give up count no more.
func staying(rs *appsv1.ReplicaSet) int32 { return min(available(rs), setReplicas(rs)) }
