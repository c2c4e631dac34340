package daemonset

import (
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

// plan is what a look at a daemon set comes to.
type plan struct {
	create []string // names of nodes
	remove []*corev1.Pod
	ended  []*corev1.Pod // those of remove that failed or finished by themselves
	status appsv1.DaemonSetStatus
	wait   time.Duration
}

// board keeps the places of a daemon set and what they add up to, so that a change of one place costs the same whatever their number:
//
//	pod or node ──(event)──> name of the place ──> put: its share is taken out of the sums and put in anew ──> plan
type board struct {
	rules  *rules
	places map[string]*place
	pods   map[types.UID]*corev1.Pod
	hashes map[string]int // pods of each revision
	sum    appsv1.DaemonSetStatus
	ages   [outdatedOff + 1]int
	// The places where there is something to do, by name: at once, when the limits allow it, at a time.
	todo, old, due map[string]*place
	turns          []string // the names of old in order
}

func newBoard(r *rules) *board {
	return &board{
		rules: r, places: map[string]*place{}, pods: map[types.UID]*corev1.Pod{}, hashes: map[string]int{},
		todo: map[string]*place{}, old: map[string]*place{}, due: map[string]*place{},
	}
}

// put notes how a place is now.
func (b *board) put(name string, node *corev1.Node, pods []*corev1.Pod, now time.Time) {
	b.take(name)
	if node == nil && len(pods) == 0 {
		return
	}
	p := b.rules.place(name, node, pods, now)
	b.places[name] = p
	b.add(p, 1)
	for _, pod := range p.pods {
		b.pods[pod.UID] = pod
	}
	if p.create || len(p.remove) > 0 {
		b.todo[name] = p
	}
	if p.age == outdated || p.age == outdatedOff {
		b.old[name] = p
		if at, has := slices.BinarySearch(b.turns, name); !has {
			b.turns = slices.Insert(b.turns, at, name)
		}
	}
	if !p.due.IsZero() {
		b.due[name] = p
	}
}

// take forgets a place.
func (b *board) take(name string) {
	p := b.places[name]
	if p == nil {
		return
	}
	b.add(p, -1)
	for _, pod := range p.pods {
		if b.pods[pod.UID] == pod { // and is not at another place by now
			delete(b.pods, pod.UID)
		}
	}
	if at, has := slices.BinarySearch(b.turns, name); has {
		b.turns = slices.Delete(b.turns, at, at+1)
	}
	for _, of := range []map[string]*place{b.places, b.todo, b.old, b.due} {
		delete(of, name)
	}
}

// add puts a place's share into the sums, or takes it out.
func (b *board) add(p *place, sign int) {
	n := int32(sign)
	b.sum.DesiredNumberScheduled += n * p.counts.DesiredNumberScheduled
	b.sum.CurrentNumberScheduled += n * p.counts.CurrentNumberScheduled
	b.sum.UpdatedNumberScheduled += n * p.counts.UpdatedNumberScheduled
	b.sum.NumberMisscheduled += n * p.counts.NumberMisscheduled
	b.sum.NumberReady += n * p.counts.NumberReady
	b.sum.NumberAvailable += n * p.counts.NumberAvailable
	b.ages[p.age] += sign
	for _, pod := range p.pods {
		hash := pod.Labels[revision.HashLabel]
		if b.hashes[hash] += sign; b.hashes[hash] == 0 {
			delete(b.hashes, hash)
		}
	}
}

// plan says which pods to create and delete, and computes the status.
func (b *board) plan(set *appsv1.DaemonSet, now time.Time) plan {
	var p plan
	for _, name := range slices.Sorted(maps.Keys(b.todo)) {
		at := b.todo[name]
		if at.create {
			p.create = append(p.create, name)
		}
		p.remove, p.ended = append(p.remove, at.remove...), append(p.ended, at.ended...)
	}
	if set.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && len(p.create)+len(p.remove) == 0 {
		b.roll(set, &p)
	}
	p.status = b.sum
	p.status.NumberUnavailable = b.sum.DesiredNumberScheduled - b.sum.NumberAvailable
	p.status.ObservedGeneration, p.status.CollisionCount, p.status.Conditions = set.Generation, set.Status.CollisionCount, set.Status.Conditions
	for _, at := range b.due {
		p.wait = kit.Sooner(p.wait, max(at.due.Sub(now), time.Millisecond))
	}
	return p
}

// roll replaces pods of older revisions, as many as the limits allow at a time: those that are not available first, and then in the order of
// the nodes' names.
func (b *board) roll(set *appsv1.DaemonSet, p *plan) {
	surge, unavailable := limits(set, int(b.sum.DesiredNumberScheduled))
	if surge > 0 {
		left := surge - b.ages[replacing]
		for _, which := range []age{outdatedOff, outdated} {
			if b.ages[which] == 0 {
				continue
			}
			for _, name := range b.turns {
				if left <= 0 {
					return
				}
				if b.old[name].age == which {
					p.create = append(p.create, name)
					left--
				}
			}
		}
		return
	}
	left := unavailable - b.ages[down] - b.ages[outdatedOff]
	if b.ages[outdatedOff] == 0 && left <= 0 {
		return
	}
	for _, name := range b.turns {
		at := b.old[name]
		switch {
		case at.age == outdatedOff:
			p.remove = append(p.remove, at.old)
		case left > 0:
			p.remove = append(p.remove, at.old)
			left--
		}
	}
}

// uses says whether there is a pod of a revision.
func (b *board) uses(rev *appsv1.ControllerRevision) bool {
	return b.hashes[rev.Labels[revision.HashLabel]] > 0
}

// has says whether there is a pod, and whether it is being deleted.
func (b *board) has(pod types.UID) (there, deleting bool) {
	found := b.pods[pod]
	return found != nil, found != nil && found.DeletionTimestamp != nil
}
