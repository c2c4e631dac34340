package statefulset

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

// look is what a plan is made from.
type look struct {
	set             *appsv1.StatefulSet
	current, update string // names of revisions: the pods' label
	pods            []*corev1.Pod
	now             time.Time
}

// plan is what to do next. With ordered management it is one step, otherwise all that
// can be done at once.
type plan struct {
	create []creation
	remove []removal
	claims []int         // ordinals of waiting pods whose claims may be missing
	keep   []*corev1.Pod // with their claims, and the labels of their names
	status appsv1.StatefulSetStatus
	wait   time.Duration
}

type creation struct {
	ordinal  int
	revision string
}

type removal struct {
	pod    *corev1.Pod
	scaled bool // the set shrinks: its claims may go too
}

func parallel(set *appsv1.StatefulSet) bool {
	return set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement
}

// bounds are the first ordinal and the one after the last.
func bounds(set *appsv1.StatefulSet) (int, int) {
	start := 0
	if set.Spec.Ordinals != nil {
		start = int(max(set.Spec.Ordinals.Start, 0))
	}
	return start, start + int(max(ptr.Deref(set.Spec.Replicas, 1), 0))
}

func (l *look) healthy(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning &&
		podcontrol.IsAvailable(pod, l.set.Spec.MinReadySeconds, l.now)
}

// makePlan fills the ordinals from below, empties surplus ones from above, and then
// replaces pods of older revisions from above.
func (l *look) makePlan() plan {
	var p plan
	p.status, p.wait = l.status()
	if l.set.DeletionTimestamp != nil {
		return p
	}
	start, end := bounds(l.set)
	byOrdinal := map[int]*corev1.Pod{}
	var condemned []*corev1.Pod
	for _, pod := range l.pods {
		ordinal, ok := ordinalOf(l.set, pod)
		switch {
		case !ok:
		case ordinal >= start && ordinal < end:
			byOrdinal[ordinal] = pod
			p.keep = append(p.keep, pod)
		default:
			condemned = append(condemned, pod)
		}
	}
	ordered := !parallel(l.set)
	if stop := l.fill(&p, byOrdinal, start, end); stop && ordered {
		return p
	}
	if stop := l.shrink(&p, condemned); stop && ordered {
		return p
	}
	if len(p.create)+len(p.remove) == 0 {
		l.roll(&p, byOrdinal, start, end)
	}
	return p
}

// fill creates what is missing. It says whether something must be awaited.
func (l *look) fill(p *plan, byOrdinal map[int]*corev1.Pod, start, end int) bool {
	ordered := !parallel(l.set)
	waits := false
	for ordinal := start; ordinal < end; ordinal++ {
		pod := byOrdinal[ordinal]
		switch {
		case pod == nil:
			p.create = append(p.create, creation{ordinal, l.revisionFor(ordinal, start)})
			waits = true
		case podcontrol.IsFinished(pod) && pod.DeletionTimestamp == nil:
			p.remove = append(p.remove, removal{pod: pod})
			waits = true
		case pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil:
			p.claims = append(p.claims, ordinal)
			waits = true
		default:
			waits = waits || !l.healthy(pod)
		}
		if waits && ordered {
			return true
		}
		if len(p.create) >= podcontrol.Burst {
			break
		}
	}
	return waits
}

// revisionFor is the revision with which an ordinal is created: below the partition, and
// while an update has not come down to it, the one from before.
func (l *look) revisionFor(ordinal, start int) string {
	if l.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return l.update
	}
	rolling := l.set.Spec.UpdateStrategy.RollingUpdate
	if rolling == nil || rolling.Partition == nil {
		if ordinal < start+int(l.set.Status.CurrentReplicas) {
			return l.current
		}
		return l.update
	}
	if ordinal < start+int(*rolling.Partition) {
		return l.current
	}
	return l.update
}

// shrink deletes surplus pods, the highest first. In order, it waits for each to be gone; and one that is not healthy is
// only deleted when none below it is unhealthy too, so that a set which is broken stays as it is.
func (l *look) shrink(p *plan, condemned []*corev1.Pod) bool {
	slices.SortFunc(condemned, func(a, b *corev1.Pod) int {
		x, _ := ordinalOf(l.set, a)
		y, _ := ordinalOf(l.set, b)
		return cmp.Compare(y, x)
	})
	lowest := -1 // of those that are not healthy
	for i, pod := range condemned {
		if !l.healthy(pod) {
			lowest = i
		}
	}
	for i, pod := range condemned {
		if !parallel(l.set) && !l.healthy(pod) && i != lowest {
			return true
		}
		if pod.DeletionTimestamp == nil {
			p.remove = append(p.remove, removal{pod: pod, scaled: true})
		}
		if !parallel(l.set) {
			return true
		}
	}
	return len(condemned) > 0
}

// roll deletes pods of older revisions from above, as many as may be unavailable.
func (l *look) roll(p *plan, byOrdinal map[int]*corev1.Pod, start, end int) {
	if l.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return
	}
	lowest, most := start, 1
	if rolling := l.set.Spec.UpdateStrategy.RollingUpdate; rolling != nil {
		lowest += int(max(ptr.Deref(rolling.Partition, 0), 0))
		if rolling.MaxUnavailable != nil {
			n, err := intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, end-start, true)
			if err == nil {
				most = max(n, 1)
			}
		}
	}
	unavailable := 0
	for ordinal := start; ordinal < end; ordinal++ {
		if pod := byOrdinal[ordinal]; pod == nil || !l.healthy(pod) {
			unavailable++
		}
	}
	for ordinal := end - 1; ordinal >= lowest; ordinal-- {
		pod := byOrdinal[ordinal]
		if pod == nil || pod.DeletionTimestamp != nil {
			continue
		}
		if pod.Labels[revision.HashLabel] == l.update {
			continue
		}
		if l.healthy(pod) {
			if unavailable >= most {
				return
			}
			unavailable++
		} else if !parallel(l.set) && unavailable > most {
			return
		}
		p.remove = append(p.remove, removal{pod: pod})
		if len(p.remove) >= most {
			return
		}
	}
}

func (l *look) status() (appsv1.StatefulSetStatus, time.Duration) {
	before := l.set.Status
	status := appsv1.StatefulSetStatus{
		ObservedGeneration: l.set.Generation, CollisionCount: ptr.To(ptr.Deref(before.CollisionCount, 0)), Conditions: before.Conditions,
		CurrentRevision: l.current, UpdateRevision: l.update,
	}
	wait := time.Duration(0)
	for _, pod := range l.pods {
		if _, ok := ordinalOf(l.set, pod); !ok {
			continue
		}
		if pod.Status.Phase != "" {
			status.Replicas++
		}
		if pod.Status.Phase == corev1.PodRunning && podcontrol.IsReady(pod) {
			status.ReadyReplicas++
			left, _ := podcontrol.AvailableIn(pod, l.set.Spec.MinReadySeconds, l.now)
			wait = kit.Sooner(wait, left)
			if left == 0 {
				status.AvailableReplicas++
			}
		}
		if pod.DeletionTimestamp != nil {
			continue
		}
		of := pod.Labels[revision.HashLabel]
		if of == l.current {
			status.CurrentReplicas++
		}
		if of == l.update {
			status.UpdatedReplicas++
		}
	}
	rolling := l.set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType
	if rolling && status.UpdatedReplicas == status.Replicas && status.ReadyReplicas == status.Replicas {
		status.CurrentReplicas = status.UpdatedReplicas
		status.CurrentRevision = status.UpdateRevision
	}
	return status, wait
}
