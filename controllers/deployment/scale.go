package deployment

import (
	"cmp"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// isScaling says whether the deployment's size changed since its sets were last scaled.
func isScaling(d *appsv1.Deployment, sets *sets) bool {
	for _, rs := range sets.all() {
		desired, ok := annotatedInt(rs, desiredAnnotation)
		if ok && setReplicas(rs) > 0 && desired != replicas(d) {
			return true
		}
	}
	return false
}

// resized returns the sizes that the sets should have for the deployment's size, by
// UID-less position in sets.all(). With one set in use it takes all; a complete current
// set empties the others; in the middle of a rollout everyone gets a proportional share.
func resized(d *appsv1.Deployment, sets *sets) []int32 {
	all := sets.all()
	sizes := make([]int32, len(all))
	for i, rs := range all {
		sizes[i] = setReplicas(rs)
	}
	if only := activeOrLatest(all, sets.current); only >= 0 {
		sizes[only] = replicas(d)
		return sizes
	}
	if saturated(d, sets.current) {
		for i, rs := range all {
			if rs != sets.current {
				sizes[i] = 0
			}
		}
		return sizes
	}
	if !rolling(d) {
		return sizes
	}
	return share(d, all, sizes)
}

// activeOrLatest is the position of the only set with replicas, or of the current (else
// the newest) when none has any; -1 when several have, or there is no set.
func activeOrLatest(all []*appsv1.ReplicaSet, current *appsv1.ReplicaSet) int {
	active := -1
	for i, rs := range all {
		if setReplicas(rs) <= 0 {
			continue
		}
		if active >= 0 {
			return -1
		}
		active = i
	}
	if active >= 0 {
		return active
	}
	if i := slices.Index(all, current); current != nil && i >= 0 {
		return i
	}
	return len(all) - 1
}

// saturated says whether the current set alone is the whole deployment, and available.
func saturated(d *appsv1.Deployment, current *appsv1.ReplicaSet) bool {
	if current == nil {
		return false
	}
	desired, ok := annotatedInt(current, desiredAnnotation)
	return ok && setReplicas(current) == replicas(d) && desired == replicas(d) && available(current) == replicas(d)
}

// share distributes the replicas to add or remove over all sets in use, in proportion
// to their sizes. What rounding leaves over goes to the largest.
func share(d *appsv1.Deployment, all []*appsv1.ReplicaSet, sizes []int32) []int32 {
	allowed := int32(0)
	if replicas(d) > 0 {
		allowed = replicas(d) + maxSurge(d)
	}
	rest := allowed - total(all, setReplicas)
	order := bySize(all, rest > 0)
	if rest == 0 || len(order) == 0 {
		return sizes
	}
	toAdd := rest
	for _, i := range order {
		part := fraction(d, all[i], allowed)
		if toAdd > 0 {
			part = min(max(part, 0), rest)
		} else {
			part = max(min(part, 0), rest)
		}
		sizes[i] += part
		rest -= part
	}
	sizes[order[0]] = max(sizes[order[0]]+rest, 0)
	return sizes
}

// bySize orders the positions of sets in use, largest first; among equals the newest
// grows first and the oldest shrinks first.
func bySize(all []*appsv1.ReplicaSet, growing bool) []int {
	var order []int
	for i, rs := range all {
		if setReplicas(rs) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		age := olderFirst(all[a], all[b])
		if growing {
			age = -age
		}
		return cmp.Or(cmp.Compare(setReplicas(all[b]), setReplicas(all[a])), age)
	})
	return order
}

// fraction is how many replicas rs gains (or loses) when the deployment's limit moves
// from what it was, as annotated on rs, to allowed.
func fraction(d *appsv1.Deployment, rs *appsv1.ReplicaSet, allowed int32) int32 {
	size := setReplicas(rs)
	if replicas(d) == 0 {
		return -size
	}
	before, ok := annotatedInt(rs, maxAnnotation)
	if !ok || before <= 0 {
		before = d.Status.Replicas
	}
	if before <= 0 {
		return 0
	}
	return int32(math.Round(float64(size)*float64(allowed)/float64(before))) - size
}
