package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/kubelet/volume"
)

// maxRounds bounds how often one turn plans: each round starts what the one before made possible.
const maxRounds = 20

// refreshRetry is how soon volumes whose content could not be written are tried again, unless what they lack appears earlier.
const refreshRetry = 30 * time.Second

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// sync brings a running pod to what its specification says, round by round, until there is nothing to do now.
func (w *worker) sync(ctx context.Context, pod *corev1.Pod) error {
	defer w.report()
	w.refreshVolumes(ctx, pod)
	if err := w.resize(ctx, pod); err != nil {
		return err
	}
	for range maxRounds {
		p := w.plan(pod)
		w.mu.Lock()
		w.waiting = p.Waiting
		w.mu.Unlock()
		if p.Finished {
			w.enter(stateTerminating)
			return nil
		}
		if p.Idle() {
			w.wakeAt(p.Wake)
			w.wakeAtDeadline(pod)
			w.wakeToMeasure(pod)
			w.trim(ctx, pod)
			return nil
		}
		w.report()
		if err := w.apply(ctx, pod, p); err != nil {
			return err
		}
		w.markStale()
		if err := w.look(ctx, pod); err != nil {
			return err
		}
		w.report()
	}
	w.wakeAt(w.k.Clock.Now().Add(retryFirst))
	return nil
}

func (w *worker) plan(pod *corev1.Pod) plan.Plan {
	in := plan.Input{Pod: pod, Found: w.rt, Started: w.k.probes.Started, Failed: w.k.probes.Failed, Hold: w.held(pod)}
	return in.Next()
}

// held returns the function that says why a container must wait: the last try to start it failed, or it crashed.
func (w *worker) held(pod *corev1.Pod) func(string, *runtime.Container) (plan.Hold, bool) {
	now := w.k.Clock.Now()
	return func(name string, last *runtime.Container) (plan.Hold, bool) {
		if h, ok := w.holds[name]; ok && now.Before(h.Until) {
			return h, true
		}
		if !last.Exited() || w.excused[last.ID] {
			return plan.Hold{}, false
		}
		h, held := w.backoffs[name].Hold(pod, last, now)
		if held && w.events[name] != last.ID {
			w.events[name] = last.ID
			w.k.event(pod, fieldOf(pod, name), corev1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", name, plan.PodName(pod)))
		}
		return h, held
	}
}

// wakeAtDeadline wakes the worker when the pod's active deadline is over.
func (w *worker) wakeAtDeadline(pod *corev1.Pod) {
	if deadline := pod.Spec.ActiveDeadlineSeconds; deadline != nil {
		w.wakeAt(w.start.Add(time.Duration(*deadline) * time.Second))
	}
}

// apply takes the steps of a plan. The sandbox starts while volumes are set up; containers start one after the other.
func (w *worker) apply(ctx context.Context, pod *corev1.Pod, p plan.Plan) error {
	w.stopAll(ctx, pod, p.Kill)
	ready := w.prepareVolumes(ctx, pod)
	var failed error
	if p.Sandbox {
		failed = w.newSandbox(ctx, pod, p.Attempt)
	}
	if err := <-ready; err != nil {
		return errors.Join(failed, w.volumesFailed(pod, err))
	}
	if failed != nil || len(p.Start) == 0 {
		return failed
	}
	sandbox := w.rt.Sandbox()
	if sandbox == nil || !sandbox.Ready {
		return nil // it ended again; the next round sees that
	}
	if err := w.startAll(ctx, pod, sandbox, p.Start); err != nil {
		return err
	}
	return nil
}

// startAll starts containers in order. That one could not be started holds that one up, not the others.
func (w *worker) startAll(ctx context.Context, pod *corev1.Pod, sandbox *runtime.Sandbox, steps []plan.Start) error {
	hosts, err := w.hosts(pod, sandbox)
	if err != nil {
		return err
	}
	config, err := w.k.node.SandboxConfig(pod, sandbox.Attempt, w.k.cgroups.PodPath(runtime.QOS(pod), pod.UID))
	if err != nil {
		return err
	}
	for _, step := range steps {
		job := startJob{w: w, pod: pod, step: step, sandbox: sandbox, sandboxConfig: config, hosts: hosts}
		failure := job.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failure == nil {
			delete(w.holds, step.Spec.Name)
			continue
		}
		log.FromContext(ctx).Info("a container was not started", "container", step.Spec.Name, "reason", failure.reason, "message", failure.message)
		w.holds[step.Spec.Name] = plan.Hold{Until: w.k.Clock.Now().Add(failure.again), Waiting: corev1.ContainerStateWaiting{Reason: failure.reason, Message: failure.message}}
	}
	return nil
}

func (w *worker) hosts(pod *corev1.Pod, sandbox *runtime.Sandbox) (string, error) {
	dir := w.k.node.PodDir(pod.UID)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("making the pod's folder: %w", err)
	}
	return runtime.WriteHosts(dir, pod, sandbox.IPs, w.k.ClusterDomain)
}

// prepareVolumes sets the pod's volumes up beside other work, unless that was done.
func (w *worker) prepareVolumes(ctx context.Context, pod *corev1.Pod) <-chan error {
	done := make(chan error, 1)
	if w.volumes != nil {
		done <- nil
		return done
	}
	go func() {
		volumes, err := w.k.volumes.Setup(ctx, pod)
		if err == nil {
			w.volumes = volumes
			if volumes == nil {
				w.volumes = map[string]volume.Mount{}
			}
		}
		done <- err
	}()
	return done
}

// volumesFailed tells of each volume that could not be set up.
func (w *worker) volumesFailed(pod *corev1.Pod, err error) error {
	for _, message := range volume.Messages(err) {
		w.k.event(pod, "", corev1.EventTypeWarning, "FailedMount", message)
	}
	return fmt.Errorf("setting up volumes: %w", err)
}

// refreshVolumes writes the content of volumes again when something that they show has changed. After a restart of the
// kubelet it takes up the volumes of pods that run. When that fails the pod runs on with what it has, and it is tried again.
func (w *worker) refreshVolumes(ctx context.Context, pod *corev1.Pod) {
	w.mu.Lock()
	due := w.refresh
	w.refresh = false
	w.mu.Unlock()
	var err error
	switch {
	case w.volumes == nil && w.rt.AnyRunning():
		err = <-w.prepareVolumes(ctx, pod)
	case w.volumes != nil && due:
		err = w.k.volumes.Refresh(ctx, pod)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	err = w.volumesFailed(pod, err)
	log.FromContext(ctx).Error(err, "refreshing a pod's volumes failed")
	w.mu.Lock()
	w.refresh = true
	w.mu.Unlock()
	w.wakeAt(w.k.Clock.Now().Add(refreshRetry))
}

// newSandbox replaces whatever sandboxes the pod has by a new one.
func (w *worker) newSandbox(ctx context.Context, pod *corev1.Pod, attempt uint32) error {
	if w.rt.Sandbox() != nil {
		w.k.event(pod, "", corev1.EventTypeNormal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
		if err := w.stopSandboxes(ctx, pod); err != nil {
			return err
		}
	}
	if err := w.k.ensureCgroup(pod); err != nil {
		return err
	}
	handler, err := w.k.runtimeHandler(ctx, pod)
	if err != nil {
		return err
	}
	config, err := w.k.node.SandboxConfig(pod, attempt, w.k.cgroups.PodPath(runtime.QOS(pod), pod.UID))
	if err != nil {
		return err
	}
	if _, err := w.k.runtime.RunSandbox(ctx, config, handler); err != nil {
		w.k.event(pod, "", corev1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		return fmt.Errorf("creating the pod's sandbox: %w", err)
	}
	w.markStale()
	return w.look(ctx, pod)
}

// probeTargets are the pod's running containers, for the probes.
func (w *worker) probeTargets(pod *corev1.Pod, rt *runtime.Pod) []probe.Target {
	var out []probe.Target
	ip := ""
	if ips := rt.IPs(); len(ips) > 0 {
		ip = ips[0]
	}
	if pod.Spec.HostNetwork {
		ip = w.k.NodeIP
	}
	add := func(list []corev1.Container, statuses []corev1.ContainerStatus) {
		for i := range list {
			c := rt.Current(list[i].Name)
			if !c.Running() {
				continue
			}
			t := probe.Target{Pod: pod, Container: &list[i], ID: c.ID, StartedAt: c.StartedAt, IP: ip}
			for j := range statuses {
				if statuses[j].ContainerID == w.k.runtime.Name+"://"+c.ID {
					t.WasReady, t.WasStarted = statuses[j].Ready, statuses[j].Started != nil && *statuses[j].Started
				}
			}
			out = append(out, t)
		}
	}
	add(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	add(pod.Spec.Containers, pod.Status.ContainerStatuses)
	ephemeral := make([]corev1.Container, 0, len(pod.Spec.EphemeralContainers))
	for i := range pod.Spec.EphemeralContainers {
		ephemeral = append(ephemeral, corev1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
	add(ephemeral, nil)
	return out
}

// fieldOf is the path of a container in the pod's specification, for events.
func fieldOf(pod *corev1.Pod, name string) string {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			return "spec.initContainers{" + name + "}"
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			return "spec.ephemeralContainers{" + name + "}"
		}
	}
	return "spec.containers{" + name + "}"
}
