package replication

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Victims picks the count pods whose loss costs least, in this order: not yet assigned,
// not yet running, not ready, cheapest by the pod-deletion-cost annotation, on a node
// with more of the related pods, ready for less long, more restarts, younger. Ages count
// by their order of magnitude, so that among pods of similar age the UID decides and
// not the second.
func Victims(pods, related []*corev1.Pod, count int, now time.Time) []*corev1.Pod {
	if count >= len(pods) {
		return pods
	}
	onNode := map[string]int{}
	for _, pod := range related {
		if podcontrol.IsActive(pod) {
			onNode[pod.Spec.NodeName]++
		}
	}
	ranked := slices.Clone(pods)
	slices.SortStableFunc(ranked, func(a, b *corev1.Pod) int { return cheaper(a, b, onNode, now) })
	return ranked[:count]
}

// cheaper is negative when losing a costs less than losing b.
func cheaper(a, b *corev1.Pod, onNode map[string]int, now time.Time) int {
	return cmp.Or(
		falseFirst(a.Spec.NodeName != "", b.Spec.NodeName != ""),
		cmp.Compare(phaseRank(a), phaseRank(b)),
		falseFirst(podcontrol.IsReady(a), podcontrol.IsReady(b)),
		cmp.Compare(deletionCost(a), deletionCost(b)),
		cmp.Compare(onNode[b.Spec.NodeName], onNode[a.Spec.NodeName]),
		compareAge(readySince(a), readySince(b), a, b, now),
		cmp.Compare(restarts(b), restarts(a)),
		compareAge(a.CreationTimestamp.Time, b.CreationTimestamp.Time, a, b, now),
	)
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return 2
	case corev1.PodUnknown:
		return 1
	}
	return 0
}

func deletionCost(pod *corev1.Pod) int64 {
	cost, err := strconv.ParseInt(pod.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return cost
}

func readySince(pod *corev1.Pod) time.Time {
	if ready := podcontrol.Condition(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
		return ready.LastTransitionTime.Time
	}
	return time.Time{}
}

// restarts orders by the most restarted of the containers.
func restarts(pod *corev1.Pod) int32 {
	most := int32(0)
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}

// compareAge puts the younger first; an unknown time is the youngest. Within one power
// of two of seconds the UIDs decide.
func compareAge(a, b time.Time, podA, podB *corev1.Pod, now time.Time) int {
	if a.Equal(b) {
		return 0
	}
	if a.IsZero() || b.IsZero() {
		return falseFirst(!a.IsZero(), !b.IsZero())
	}
	if rankA, rankB := magnitude(now.Sub(a)), magnitude(now.Sub(b)); rankA != rankB {
		return cmp.Compare(rankA, rankB)
	}
	return cmp.Compare(podA.UID, podB.UID)
}

func magnitude(age time.Duration) int {
	if age < time.Second {
		return 0
	}
	return bits.Len64(uint64(age / time.Second))
}
