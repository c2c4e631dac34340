package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/kubelet/hooks"
	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// minGrace is what a container gets to stop in at least, when its preStop hook used the time up.
const minGrace = 2

const defaultGrace = 30

// graceOf is how many seconds the containers of a pod get to stop.
func graceOf(pod *corev1.Pod) int64 {
	switch {
	case pod.DeletionGracePeriodSeconds != nil:
		return *pod.DeletionGracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		return *pod.Spec.TerminationGracePeriodSeconds
	}
	return defaultGrace
}

// graceFor is the grace of one container: the probe that failed may have its own.
func graceFor(s *plan.Kill, pod *corev1.Pod) int64 {
	if s.Probe != nil && s.Spec != nil && pod.DeletionGracePeriodSeconds == nil {
		p := s.Spec.LivenessProbe
		if *s.Probe == probe.Startup {
			p = s.Spec.StartupProbe
		}
		if p != nil && p.TerminationGracePeriodSeconds != nil {
			return *p.TerminationGracePeriodSeconds
		}
	}
	if s.Spec == nil && pod.DeletionGracePeriodSeconds == nil {
		return s.Container.GraceOf()
	}
	return graceOf(pod)
}

// stop runs a container's preStop hook and stops it within its grace.
func (w *worker) stop(ctx context.Context, pod *corev1.Pod, s plan.Kill) error {
	message := s.Message
	if message == "" {
		message = "Stopping container " + s.Container.Name
	}
	w.k.event(pod, fieldOf(pod, s.Container.Name), corev1.EventTypeNormal, "Killing", message)
	grace := graceFor(&s, pod)
	hook := s.Container.PreStopOf()
	if s.Spec != nil && s.Spec.Lifecycle != nil {
		hook = s.Spec.Lifecycle.PreStop
	}
	if hook != nil && grace > 0 {
		begin := w.k.Clock.Now()
		w.preStop(ctx, pod, s, hook, grace)
		if err := ctx.Err(); err != nil {
			return err
		}
		grace -= int64(w.k.Clock.Since(begin) / time.Second)
		grace = max(grace, minGrace)
	}
	return w.k.runtime.Stop(ctx, s.Container.ID, grace)
}

func (w *worker) preStop(ctx context.Context, pod *corev1.Pod, s plan.Kill, hook *corev1.LifecycleHandler, grace int64) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(grace)*time.Second)
	defer cancel()
	spec := s.Spec
	if spec == nil {
		spec = &corev1.Container{Name: s.Container.Name}
	}
	if err := w.k.hooks.Run(ctx, hooks.Input{Pod: pod, Container: spec, ID: s.Container.ID, IPs: w.rt.IPs(), Handler: hook}); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		w.k.event(pod, fieldOf(pod, s.Container.Name), corev1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
	}
}

// stopAll stops containers at the same time.
func (w *worker) stopAll(ctx context.Context, pod *corev1.Pod, steps []plan.Kill) {
	var wg sync.WaitGroup
	for _, s := range steps {
		wg.Go(func() {
			if err := w.stop(ctx, pod, s); err != nil && ctx.Err() == nil {
				log.FromContext(ctx).Error(err, "stopping a container failed", "container", s.Container.Name)
			}
		})
	}
	wg.Wait()
}

// terminate stops all of the pod: containers at the same time, then sidecars in reverse order, then the sandboxes.
func (w *worker) terminate(ctx context.Context, pod *corev1.Pod) error {
	w.markStale()
	if err := w.look(ctx, pod); err != nil {
		return err
	}
	w.report()
	var steps, sidecars []plan.Kill
	for _, c := range w.rt.Containers {
		if c.Exited() {
			continue
		}
		step := plan.Kill{Container: c, Spec: plan.SpecOf(pod, c.Name)}
		if i := slices.IndexFunc(pod.Spec.InitContainers, func(s corev1.Container) bool { return s.Name == c.Name }); i >= 0 && runtime.Restartable(&pod.Spec.InitContainers[i]) {
			sidecars = append(sidecars, step)
			continue
		}
		steps = append(steps, step)
	}
	begin := w.k.Clock.Now()
	w.stopAll(ctx, pod, steps)
	position := func(s plan.Kill) int {
		return slices.IndexFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == s.Container.Name })
	}
	slices.SortFunc(sidecars, func(a, b plan.Kill) int { return position(b) - position(a) })
	for _, s := range sidecars {
		w.stopAll(ctx, remaining(pod, w.k.Clock.Since(begin)), []plan.Kill{s})
	}
	if err := w.stopSandboxes(ctx, pod); err != nil {
		return err
	}
	w.markStale()
	if err := w.look(ctx, pod); err != nil {
		return err
	}
	if w.rt.AnyRunning() {
		return errors.New("stopping the pod: containers still run")
	}
	return nil
}

// remaining is the pod with the grace that is left after some of it was used.
func remaining(pod *corev1.Pod, used time.Duration) *corev1.Pod {
	left := *pod
	grace := graceOf(pod)
	if grace > 0 {
		grace = max(grace-int64(used/time.Second), minGrace)
	}
	left.DeletionGracePeriodSeconds = &grace
	return &left
}

func (w *worker) stopSandboxes(ctx context.Context, pod *corev1.Pod) error {
	var errs error
	for _, s := range w.rt.Sandboxes {
		if err := w.k.runtime.StopSandbox(ctx, s.ID); err != nil {
			errs = errors.Join(errs, err)
		}
	}
	if errs != nil && ctx.Err() == nil {
		w.k.event(pod, "", corev1.EventTypeWarning, "FailedKillPod", "error killing pod: "+errs.Error())
	}
	return errs
}

// release gives back what a terminated pod held: volumes and the cgroup.
func (w *worker) release(pod *corev1.Pod) error {
	if err := w.k.volumes.Teardown(pod.UID); err != nil {
		return fmt.Errorf("tearing down volumes: %w", err)
	}
	w.volumes = nil
	for _, group := range w.k.cgroups.PodPaths(pod.UID) {
		if err := w.k.cgroups.Remove(group); err != nil {
			return err
		}
	}
	return nil
}

// remove takes the last traces of a pod away.
func (w *worker) remove(ctx context.Context, pod *corev1.Pod) error {
	for _, s := range w.rt.Sandboxes {
		if err := w.k.runtime.RemoveSandbox(ctx, s.ID); err != nil {
			return err
		}
	}
	for _, c := range w.rt.Containers {
		w.unlinkLog(pod, c)
	}
	if err := os.RemoveAll(w.k.node.PodLogDir(pod.Namespace, pod.Name, pod.UID)); err != nil {
		return fmt.Errorf("removing the pod's logs: %w", err)
	}
	w.k.probes.Forget(pod.UID)
	w.enter(stateRemoved)
	w.k.forget(pod.UID)
	return nil
}

func (w *worker) unlinkLog(pod *corev1.Pod, c *runtime.Container) {
	if dir := w.k.ContainerLogDir; dir != "" {
		_ = os.Remove(filepath.Join(dir, logLink(pod, c.Name, c.ID)))
	}
}

// keepInstances is how many exited instances of a container are kept for their logs, beside the current one.
const keepInstances = 1

// trim removes old instances of containers, and sandboxes that have none left.
func (w *worker) trim(ctx context.Context, pod *corev1.Pod) {
	seen := map[string]int{}
	used := map[string]bool{}
	removed := false
	for _, c := range w.rt.Containers {
		seen[c.Name]++
		if seen[c.Name] <= keepInstances+1 || !c.Exited() {
			used[c.SandboxID] = true
			continue
		}
		if err := w.k.runtime.Remove(ctx, c.ID); err != nil {
			log.FromContext(ctx).Error(err, "removing an old container failed", "container", c.Name)
			used[c.SandboxID] = true
			continue
		}
		removed = true
		w.unlinkLog(pod, c)
		_ = os.Remove(c.LogPath)
	}
	for i, s := range w.rt.Sandboxes {
		if i == 0 || s.Ready || used[s.ID] {
			continue
		}
		if err := w.k.runtime.RemoveSandbox(ctx, s.ID); err != nil {
			log.FromContext(ctx).Error(err, "removing an old sandbox failed", "sandbox", s.ID)
		}
		removed = true
	}
	if removed {
		w.markStale()
	}
}
