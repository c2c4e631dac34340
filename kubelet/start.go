package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/env"
	"github.com/coxswain-k8s/coxswain/kubelet/hooks"
	"github.com/coxswain-k8s/coxswain/kubelet/images"
	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/kubelet/volume"
)

// configRetry is how soon a container is tried again whose configuration cannot be made, say because its ConfigMap is missing.
const configRetry = 5 * time.Second

// failure says why a container was not started, as its status and events do.
type failure struct {
	reason, message string
	again           time.Duration
}

// startJob starts one container.
type startJob struct {
	w             *worker
	pod           *corev1.Pod
	step          plan.Start
	sandbox       *runtime.Sandbox
	sandboxConfig *runtimeapi.PodSandboxConfig
	hosts         string
}

func (j *startJob) event(kind, reason, message string) {
	j.w.k.event(j.pod, j.step.Field+"{"+j.step.Spec.Name+"}", kind, reason, message)
}

// run pulls the image, makes the configuration, creates and starts the container, and runs its postStart hook.
func (j *startJob) run(ctx context.Context) *failure {
	k, c := j.w.k, j.step.Spec
	if last := j.step.Last; last.Exited() && !j.w.excused[last.ID] {
		if j.w.backoffs[c.Name] == nil {
			j.w.backoffs[c.Name] = &plan.Backoff{}
		}
		j.w.backoffs[c.Name].Restarted(k.Clock.Now())
	}
	image, err := k.images.Ensure(ctx, images.Request{Pod: j.pod, Container: c.Name, Image: c.Image, Policy: c.ImagePullPolicy, Event: j.event})
	if err != nil {
		return imageFailure(err)
	}
	config, cleanup, err := j.config(ctx, image)
	defer cleanup()
	if err != nil {
		j.event(corev1.EventTypeWarning, "Failed", "Error: "+err.Error())
		return &failure{reason: "CreateContainerConfigError", message: err.Error(), again: configRetry}
	}
	if last := j.step.Last; last != nil && last.State == runtimeapi.ContainerState_CONTAINER_CREATED {
		if err := j.removeUnstarted(ctx, last.ID); err != nil {
			return &failure{reason: "CreateContainerError", message: err.Error(), again: configRetry}
		}
	}
	id, err := k.runtime.Create(ctx, j.sandbox.ID, config, j.sandboxConfig)
	if err != nil {
		message := grpcstatus.Convert(err).Message()
		j.event(corev1.EventTypeWarning, "Failed", "Error: "+message)
		return &failure{reason: "CreateContainerError", message: message, again: configRetry}
	}
	j.event(corev1.EventTypeNormal, "Created", "Container created")
	if err := k.runtime.Start(ctx, id); err != nil {
		message := grpcstatus.Convert(err).Message()
		j.event(corev1.EventTypeWarning, "Failed", "Error: "+message)
		return &failure{reason: "RunContainerError", message: message}
	}
	j.event(corev1.EventTypeNormal, "Started", "Container started")
	j.w.setApplied(c)
	j.linkLog(id)
	if c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
		return j.postStart(ctx, id)
	}
	return nil
}

// removeUnstarted removes a container that was created and never started. One whose start was cut off may run all the same: the runtime neither
// stops it, for it knows of no start, nor removes it, for it runs. Once it is killed the runtime sees that it ended, and removes it the next time.
func (j *startJob) removeUnstarted(ctx context.Context, id string) error {
	err := j.w.k.runtime.Remove(ctx, id)
	if grpcstatus.Code(errors.Unwrap(err)) == codes.FailedPrecondition {
		group := filepath.Join(j.w.k.cgroups.PodPath(runtime.QOS(j.pod), j.pod.UID), id)
		err = errors.Join(err, j.w.k.cgroups.Kill(group))
	}
	return err
}

// recallBackoffs rebuilds, after the kubelet was restarted, the back-offs of containers that were restarted before.
func (w *worker) recallBackoffs(rt *runtime.Pod) {
	for _, c := range rt.Containers {
		if w.backoffs[c.Name] == nil && c.Attempt > 0 { // the newest instance comes first
			w.backoffs[c.Name] = plan.Recalled(c)
		}
	}
}

func imageFailure(err error) *failure {
	var problem *images.Problem
	if errors.As(err, &problem) {
		return &failure{reason: problem.Reason, message: problem.Message, again: problem.Again}
	}
	return &failure{reason: "ErrImagePull", message: err.Error(), again: plan.FirstBackoff}
}

// postStart runs the hook. A container whose hook fails is stopped.
func (j *startJob) postStart(ctx context.Context, id string) *failure {
	c := j.step.Spec
	err := j.w.k.hooks.Run(ctx, hooks.Input{Pod: j.pod, Container: c, ID: id, IPs: j.sandbox.IPs, Handler: c.Lifecycle.PostStart})
	if err == nil {
		return nil
	}
	j.event(corev1.EventTypeWarning, "FailedPostStartHook", "PostStartHook failed")
	_ = j.w.stop(ctx, j.pod, plan.Kill{Container: &runtime.Container{ID: id, Name: c.Name}, Spec: c, Message: "FailedPostStartHook"})
	return &failure{reason: "PostStartHookError", message: err.Error()}
}

// config makes what CRI is asked for. cleanup is to be called when the container was created, or was not.
func (j *startJob) config(ctx context.Context, image images.Image) (*runtimeapi.ContainerConfig, func(), error) {
	k, c := j.w.k, j.step.Spec
	podIPs := j.sandbox.IPs
	if j.pod.Spec.HostNetwork {
		podIPs = k.hostIPs()
	}
	vars, err := env.Make(ctx, env.Input{Pod: j.pod, Container: c, PodIPs: podIPs, HostIPs: k.hostIPs(), Allocatable: k.Allocatable(), Source: envSource{k}})
	if err != nil {
		return nil, func() {}, err
	}
	mounts, cleanup, err := j.mounts(ctx, vars)
	if err != nil {
		return nil, cleanup, err
	}
	in := runtime.ContainerInput{
		Node: &k.node, Pod: j.pod, Container: c, Attempt: j.step.Attempt, ImageRef: image.ID, ImageUser: image.User,
		Env: vars, Mounts: mounts, HostsPath: j.hosts,
	}
	if j.step.Target != "" {
		target := j.w.rt.Current(j.step.Target)
		if !target.Running() {
			return nil, cleanup, fmt.Errorf("unable to find target container %s", j.step.Target)
		}
		in.TargetID = target.ID
	}
	config, err := in.Config()
	return config, cleanup, err
}

// mounts translates the container's volume mounts.
func (j *startJob) mounts(ctx context.Context, vars []*runtimeapi.KeyValue) ([]*runtimeapi.Mount, func(), error) {
	var cleanups []func()
	cleanup := func() {
		for _, c := range cleanups {
			c()
		}
	}
	var out []*runtimeapi.Mount
	for _, m := range j.step.Spec.VolumeMounts {
		vol, ok := j.w.volumes[m.Name]
		if !ok {
			return nil, cleanup, fmt.Errorf("cannot find volume %q to mount into container %q", m.Name, j.step.Spec.Name)
		}
		mount := &runtimeapi.Mount{
			ContainerPath: absolute(m.MountPath), HostPath: vol.HostPath, Readonly: m.ReadOnly || vol.ReadOnly, Propagation: propagation(m.MountPropagation),
			RecursiveReadOnly: m.RecursiveReadOnly != nil && *m.RecursiveReadOnly == corev1.RecursiveReadOnlyEnabled,
		}
		if m.SubPathExpr != "" {
			m.SubPath = env.Expand(m.SubPathExpr, env.LookupIn(vars))
		}
		switch {
		case vol.Image != nil:
			if err := j.imageVolume(ctx, mount, vol.Image); err != nil {
				return nil, cleanup, err
			}
			mount.ImageSubPath = m.SubPath
		case m.SubPath != "":
			hostPath, release, err := j.w.k.volumes.SubPath(j.pod, j.step.Spec.Name, m)
			if release != nil {
				cleanups = append(cleanups, release)
			}
			if err != nil {
				return nil, cleanup, fmt.Errorf("failed to prepare subPath for volumeMount %q of container %q: %w", m.Name, j.step.Spec.Name, err)
			}
			mount.HostPath = hostPath
		}
		out = append(out, mount)
	}
	return out, cleanup, nil
}

// imageVolume makes a mount show the content of an image.
func (j *startJob) imageVolume(ctx context.Context, mount *runtimeapi.Mount, source *volume.ImageSource) error {
	image, err := j.w.k.images.Ensure(ctx, images.Request{Pod: j.pod, Container: j.step.Spec.Name, Image: source.Reference, Policy: source.PullPolicy, Event: j.event})
	if err != nil {
		return err
	}
	mount.Image = &runtimeapi.ImageSpec{Image: image.ID, UserSpecifiedImage: source.Reference}
	mount.Readonly = true
	return nil
}

func absolute(p string) string {
	if path.IsAbs(p) {
		return p
	}
	return "/" + p
}

func propagation(m *corev1.MountPropagationMode) runtimeapi.MountPropagation {
	if m == nil {
		return runtimeapi.MountPropagation_PROPAGATION_PRIVATE
	}
	switch *m {
	case corev1.MountPropagationHostToContainer:
		return runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER
	case corev1.MountPropagationBidirectional:
		return runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL
	}
	return runtimeapi.MountPropagation_PROPAGATION_PRIVATE
}

// linkLog makes the container's log known by the name that log collectors look for.
func (j *startJob) linkLog(id string) {
	dir := j.w.k.ContainerLogDir
	if dir == "" {
		return
	}
	target := filepath.Join(j.sandboxConfig.LogDirectory, j.step.Spec.Name, fmt.Sprintf("%d.log", j.step.Attempt))
	link := filepath.Join(dir, logLink(j.pod, j.step.Spec.Name, id))
	if err := os.Symlink(target, link); err != nil && !errors.Is(err, os.ErrExist) {
		j.w.k.log.Info("linking a container's log failed", "link", link, "error", err.Error())
	}
}

func logLink(pod *corev1.Pod, container, id string) string {
	return fmt.Sprintf("%s_%s_%s-%s.log", pod.Name, pod.Namespace, container, id)
}

// envSource answers what environment variables refer to.
type envSource struct{ k *Kubelet }

func (s envSource) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	object, err := s.k.Objects.ConfigMap(ctx, namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, apierrors.NewNotFound(corev1.Resource("configmap"), name)
	}
	return object, err
}

func (s envSource) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	object, err := s.k.Objects.Secret(ctx, namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, apierrors.NewNotFound(corev1.Resource("secret"), name)
	}
	return object, err
}

func (s envSource) Services(ctx context.Context, namespace string) ([]corev1.Service, error) {
	return s.k.services(ctx, namespace)
}

func (s envSource) NotFound(err error) bool { return apierrors.IsNotFound(err) }
