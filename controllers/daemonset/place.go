package daemonset

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

// place is one node as a daemon set sees it, and what is to be done there.
type place struct {
	start  bool // a pod should be there
	create bool
	remove []*corev1.Pod
	ended  []*corev1.Pod // those of remove that failed or finished by themselves
	old    *corev1.Pod   // of an older revision, to be replaced when the limits allow it
	age    age
	pods   []*corev1.Pod
	counts appsv1.DaemonSetStatus
	due    time.Time // when a pod becomes available although nothing changes
}

// age says how far the update of a place is.
type age int

const (
	fresh       age = iota // nothing to update, and available (or there is nothing to be)
	down                   // nothing that is available
	replacing              // an older pod beside its successor
	outdated               // an older pod that is available
	outdatedOff            // an older pod that is not
)

// rules are what a daemon set asks for, prepared once for all places.
type rules struct {
	demands  demands
	hash     string // of the current revision
	minReady int32
	surges   bool // a pod's successor is started beside it
}

func rulesOf(set *appsv1.DaemonSet, hash string) *rules {
	r := &rules{demands: demandsOf(&set.Spec.Template.Spec), hash: hash, minReady: set.Spec.MinReadySeconds}
	if surge, _ := limits(set, 1); surge > 0 { // any, where there is a node
		r.surges = true
	}
	return r
}

// place looks at a node (nil if there is none) and the daemon pods on it or made for it.
func (r *rules) place(name string, node *corev1.Node, pods []*corev1.Pod, now time.Time) *place {
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	p := &place{pods: pods}
	if node == nil {
		for _, pod := range pods { // the pods of a node that is gone before they got there
			if name != "" && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
				p.remove = append(p.remove, pod)
			}
		}
		return p
	}
	start, stay := r.demands.fits(node)
	p.start = start
	r.fill(p, stay, now)
	r.setAge(p, now)
	r.count(p, now)
	return p
}

// fill brings a place to one pod: failed ones go, surplus ones go, a missing one is
// created, but not before failed ones are gone: these may have to wait. Two stay while one replaces the other with surge.
func (r *rules) fill(p *place, stay bool, now time.Time) {
	var running []*corev1.Pod
	deleting := 0
	for _, pod := range p.pods {
		switch {
		case pod.DeletionTimestamp != nil:
			deleting++
		case !stay:
			p.remove = append(p.remove, pod)
		case podcontrol.IsFinished(pod):
			p.remove, p.ended = append(p.remove, pod), append(p.ended, pod)
		default:
			running = append(running, pod)
		}
	}
	switch {
	case len(running) == 0 && len(p.ended) == 0 && p.start && (deleting == 0 || r.surges):
		p.create = true
	case len(running) > 1:
		p.remove = append(p.remove, r.surplus(running, now)...)
	}
}

// surplus is all but the oldest pod, or with surge all but the newest updated pod and,
// until that is available, the oldest.
func (r *rules) surplus(running []*corev1.Pod, now time.Time) []*corev1.Pod {
	updated := slices.IndexFunc(running, r.updated)
	if !r.surges || updated < 0 {
		return running[1:]
	}
	var out []*corev1.Pod
	keptOld := r.available(running[updated], now)
	for i, pod := range running {
		switch {
		case i == updated:
		case !r.updated(pod) && !keptOld && r.available(pod, now):
			keptOld = true
		default:
			out = append(out, pod)
		}
	}
	return out
}

// setAge finds out what an update has to do with a place.
func (r *rules) setAge(p *place, now time.Time) {
	if !p.start {
		return
	}
	var current *corev1.Pod
	for _, pod := range p.pods {
		switch {
		case !podcontrol.IsActive(pod):
		case r.updated(pod):
			current = pod
		default:
			p.old = pod
		}
	}
	switch {
	case current == nil && p.old == nil:
		p.age = down
	case current != nil && p.old != nil:
		p.age = replacing
	case p.old != nil && !r.available(p.old, now):
		p.age = outdatedOff
	case p.old != nil:
		p.age = outdated
	case !r.available(current, now):
		p.age = down
	}
}

// count adds the place to the status. The oldest pod that is on the node speaks for it, also while it is being deleted: during an update with
// surge a place is updated, and available as such, when its older pod is gone.
func (r *rules) count(p *place, now time.Time) {
	var first *corev1.Pod
	for _, pod := range p.pods {
		if pod.DeletionTimestamp != nil && podcontrol.IsFinished(pod) {
			continue
		}
		if first == nil || first.Spec.NodeName == "" && pod.Spec.NodeName != "" {
			first = pod
		}
		if left, _ := podcontrol.AvailableIn(pod, r.minReady, now); left > 0 && pod.DeletionTimestamp == nil && (p.due.IsZero() || now.Add(left).Before(p.due)) {
			p.due = now.Add(left)
		}
	}
	one := func(is bool) int32 {
		if is {
			return 1
		}
		return 0
	}
	if !p.start {
		p.counts.NumberMisscheduled = one(first != nil)
		return
	}
	p.counts.DesiredNumberScheduled = 1
	if first == nil {
		return
	}
	p.counts.CurrentNumberScheduled = 1
	p.counts.UpdatedNumberScheduled = one(r.updated(first))
	p.counts.NumberReady = one(podcontrol.IsReady(first))
	p.counts.NumberAvailable = one(r.available(first, now))
}

func (r *rules) updated(pod *corev1.Pod) bool {
	return r.hash != "" && pod.Labels[revision.HashLabel] == r.hash
}

func (r *rules) available(pod *corev1.Pod, now time.Time) bool {
	return podcontrol.IsAvailable(pod, r.minReady, now)
}

// limits are how many pods may be too many and how many may be missing during an update
// of that many nodes.
func limits(set *appsv1.DaemonSet, desired int) (surge, unavailable int) {
	rolling := set.Spec.UpdateStrategy.RollingUpdate
	if set.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType || rolling == nil {
		return 0, 1
	}
	scaled := func(limit *intstr.IntOrString, fallback int) int {
		if limit == nil {
			return fallback
		}
		n, err := intstr.GetScaledValueFromIntOrPercent(limit, desired, true)
		if err != nil {
			return fallback
		}
		return max(n, 0)
	}
	surge, unavailable = scaled(rolling.MaxSurge, 0), scaled(rolling.MaxUnavailable, 1)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable
}
