package scheduler

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

// sampleEvery is one attempt of so many whose plugins are timed one by one.
const sampleEvery = 10

// newCycle begins an attempt.
func (s *Scheduler) newCycle() *profile.CycleState {
	s.attempts++
	return &profile.CycleState{Sampled: s.attempts%sampleEvery == 1}
}

// measure notes how long the plugins of an extension point took.
func (s *Scheduler) measure(point string, p *profile.Profile, began time.Time, status *fwk.Status) {
	s.Metrics.Point(point, p.Name, status.Code().String(), s.Clock.Since(began))
}

// missed counts an attempt that ended without a node, or before the pod was bound.
func (s *Scheduler) missed(p *profile.Profile, began time.Time, f *failure) {
	result := metrics.Unschedulable
	if f.err != nil {
		result = metrics.Failed
	}
	s.Metrics.Attempt(p.Name, result, s.Clock.Since(began))
}

// bound counts a pod that is bound.
func (s *Scheduler) bound(p *profile.Profile, w *waitingPod) {
	s.Metrics.Attempt(p.Name, metrics.Scheduled, s.Clock.Since(w.began))
	if w.queued.Flushed() {
		s.Metrics.BoundAfterFlush()
	}
	if first := w.queued.GetInitialAttemptTimestamp(); first != nil {
		s.Metrics.Bound(w.queued.Attempts, s.Clock.Since(*first))
	}
}

// handled notes how long an event of a pod took: Add, Update or Delete.
func (s *Scheduler) handled(what string, pod *corev1.Pod, began time.Time) {
	whose := "UnschedulablePod"
	if pod.Spec.NodeName != "" {
		whose = "AssignedPod"
	}
	s.Metrics.Handled(whose+what, s.Clock.Since(began))
}

// read counts what gauges show.
func (s *Scheduler) read() metrics.Reading {
	count := s.queue.Count()
	r := metrics.Reading{Pending: count.Pending, Events: count.Events, Binding: len(s.slots), Unschedulable: map[[2]string]int{}}
	for by, pods := range count.Refused {
		r.Unschedulable[[2]string{by.Plugin, by.Profile}] = pods
	}
	r.Nodes, r.Pods, r.Assumed = s.state.Count()
	for name, p := range s.profiles {
		p.Asked(func(plugin, point string, times int64) {
			r.Evaluations = append(r.Evaluations, metrics.Evaluations{Point: point, Plugin: plugin, Profile: name, Times: times})
		})
	}
	return r
}
