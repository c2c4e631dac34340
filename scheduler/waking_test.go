package scheduler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	testclock "k8s.io/utils/clock/testing"
)

// sleepers are pods that fit nowhere when they were tried, in a world whose clock stands still.
type sleepers struct {
	*world
	clock *testclock.FakeClock
	pods  map[string]*corev1.Pod
}

// tryAll lets every pod have its turn that is not asleep.
func (s *sleepers) tryAll(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	s.clock.Step(20 * time.Second) // longer than any backoff
	for next := s.queue.Pop(over); next != nil; next = s.queue.Pop(over) {
		s.scheduleOne(t.Context(), next)
		s.binding.Wait()
		if len(s.api.bound) == 0 {
			continue
		}
		placed := <-s.api.bound
		s.podChanged(t.Context(), s.pods[placed.Name], placed)
		delete(s.pods, placed.Name)
		s.reference.pods[placed.Name], s.names = placed, append(s.names, placed.Name)
	}
}

// asleep returns a pod that waits for an event although there is a node for it.
func (s *sleepers) asleep() string {
	for _, name := range slices.Sorted(maps.Keys(s.pods)) {
		p := s.pods[name]
		if look, _ := s.queue.Look(p.UID); look.Where != "waiting" {
			continue
		}
		for _, n := range s.nodes {
			if s.refusal(p, n) == "" {
				look, _ := s.queue.Look(p.UID)
				return fmt.Sprintf("%s is asleep, refused by %v, and fits %s", name, look.Refused, n.Name)
			}
		}
	}
	return ""
}

// build adds a node, or changes one thing about one.
func (s *sleepers) build() {
	name := fmt.Sprint("node-", s.IntN(len(s.nodes)))
	if s.of(0.1) {
		name = fmt.Sprint("node-", len(s.nodes))
	}
	old, changed := s.nodes[name], s.chance.node(name)
	s.nodes[name] = changed
	if old == nil {
		s.nodeAdded(changed)
		return
	}
	one := old.DeepCopy()
	switch s.IntN(4) {
	case 0:
		one.Labels = changed.Labels
	case 1:
		one.Spec.Taints = changed.Spec.Taints
	case 2:
		one.Spec.Unschedulable = !one.Spec.Unschedulable
	case 3:
		one.Status.Allocatable = changed.Status.Allocatable
	}
	s.nodes[name] = one
	s.nodeUpdated(old, one)
}

// relabel changes the labels of a pod that has a node.
func (s *sleepers) relabel(t *testing.T) {
	if len(s.names) == 0 || !s.of(0.2) {
		return
	}
	old := s.reference.pods[s.names[s.IntN(len(s.names))]]
	changed := old.DeepCopy()
	changed.Labels["app"] = s.label()
	s.reference.pods[old.Name] = changed
	s.podChanged(t.Context(), old, changed)
}

// tolerate has a pod that sleeps tolerate more, or carry another label.
func (s *sleepers) tolerate(t *testing.T) {
	if len(s.pods) == 0 || !s.of(0.2) {
		return
	}
	names := slices.Sorted(maps.Keys(s.pods))
	old := s.pods[names[s.IntN(len(names))]]
	changed := old.DeepCopy()
	if changed.Generation++; s.of(0.5) {
		changed.Spec.Tolerations = append(changed.Spec.Tolerations, corev1.Toleration{Key: fmt.Sprint("t", s.IntN(2)), Operator: corev1.TolerationOpExists})
	} else {
		changed.Labels["app"] = s.label()
	}
	s.pods[old.Name] = changed
	s.podChanged(t.Context(), old, changed)
}

// TestNobodySleepsWhoFitsSomewhere: whatever happens in a random cluster, a pod for which there is a node then is tried again because of it,
// and not when it has waited for long.
func TestNobodySleepsWhoFitsSomewhere(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed)
		s := &sleepers{world: w, clock: testclock.NewFakeClock(time.Unix(1000, 0)), pods: map[string]*corev1.Pod{}}
		w.Clock, w.queue.Clock, w.queue.MaxWaiting = s.clock, s.clock, 1000*time.Hour
		for i := range 60 {
			p := w.chance.pod(fmt.Sprint("pod-", i))
			p.Spec.PreemptionPolicy = &never
			s.pods[p.Name] = p
			w.podChanged(t.Context(), nil, p)
			s.tryAll(t)
			w.disturb()
			s.build()
			s.relabel(t)
			s.tolerate(t)
			if wrong := s.asleep(); wrong != "" {
				t.Errorf("seed %d, round %d: %s", seed, i, wrong)
				break
			}
		}
	}
}

var never = corev1.PreemptNever
