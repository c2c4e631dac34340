package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/plan"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/kubelet/server"
	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// serve runs the server on the kubelet's port when it was given a certificate.
func (k *Kubelet) serve(ctx context.Context) error {
	if k.ServerTLS == nil {
		return nil
	}
	s := &server.Server{
		Address: net.JoinHostPort("", strconv.Itoa(int(k.ServerPort))), Listener: k.ServerListener, TLS: k.ServerTLS, ClientCAs: k.ClientCAs,
		Client: k.Client, NodeName: k.NodeName, Backend: backend{k}, Metrics: k.Metrics, Pages: k.Pages, LogDir: filepath.Dir(k.LogDir), Clock: k.Clock,
		Stats: &stats.Provider{
			NodeName: k.NodeName, Pods: k.statsPods, Runtime: k.runtime, RootDir: k.RootDir, NodeCgroup: k.CgroupRoot, StartedAt: k.startedAt, Clock: k.Clock,
		},
	}
	return s.Run(ctx)
}

// backend answers what the server asks.
type backend struct{ k *Kubelet }

var _ server.Backend = backend{}

// Healthy implements server.Backend.
func (b backend) Healthy(ctx context.Context) error {
	if problem := b.k.runtime.Problem(ctx); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// Pods implements server.Backend.
func (b backend) Pods() []*corev1.Pod {
	var out []*corev1.Pod
	for _, w := range b.k.allWorkers() {
		w.mu.Lock()
		if !w.gone {
			out = append(out, w.pod)
		}
		w.mu.Unlock()
	}
	return out
}

// RunningPods implements server.Backend.
func (b backend) RunningPods(ctx context.Context) ([]*corev1.Pod, error) {
	found, err := b.k.runtime.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for _, p := range found {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: p.UID}}
		for _, c := range p.Containers {
			if c.Running() {
				pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: c.Name, Image: c.Image})
			}
		}
		if len(pod.Spec.Containers) > 0 {
			out = append(out, pod)
		}
	}
	return out, nil
}

// ExecURL implements server.Backend.
func (b backend) ExecURL(ctx context.Context, ref server.ContainerRef, req *runtimeapi.ExecRequest) (string, error) {
	c, err := b.running(ref)
	if err != nil {
		return "", err
	}
	req.ContainerId = c.ID
	r, err := b.k.runtime.Exec(ctx, req)
	if err != nil {
		return "", err
	}
	return r.Url, nil
}

// AttachURL implements server.Backend.
func (b backend) AttachURL(ctx context.Context, ref server.ContainerRef, req *runtimeapi.AttachRequest) (string, error) {
	c, err := b.running(ref)
	if err != nil {
		return "", err
	}
	req.ContainerId = c.ID
	r, err := b.k.runtime.Attach(ctx, req)
	if err != nil {
		return "", err
	}
	return r.Url, nil
}

// PortForwardURL implements server.Backend.
func (b backend) PortForwardURL(ctx context.Context, ref server.ContainerRef, ports []int32) (string, error) {
	w, err := b.find(ref)
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	sandbox := w.rt.Sandbox()
	w.mu.Unlock()
	if sandbox == nil || !sandbox.Ready {
		return "", apierrors.NewInternalError(fmt.Errorf("sandbox of pod %s/%s is not running", ref.Namespace, ref.Pod))
	}
	r, err := b.k.runtime.PortForward(ctx, &runtimeapi.PortForwardRequest{PodSandboxId: sandbox.ID, Port: ports})
	if err != nil {
		return "", err
	}
	return r.Url, nil
}

// ContainerLog implements server.Backend.
func (b backend) ContainerLog(_ context.Context, ref server.ContainerRef, previous bool) (server.ContainerLog, error) {
	w, err := b.find(ref)
	if err != nil {
		return server.ContainerLog{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if plan.SpecOf(w.pod, ref.Container) == nil {
		return server.ContainerLog{}, apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", ref.Container, ref.Pod))
	}
	current := w.rt.Current(ref.Container)
	if previous {
		if current == nil || !current.Exited() || w.willRestart(ref.Container) == "" {
			current = w.rt.Instance(ref.Container, 1)
		}
		if current == nil {
			return server.ContainerLog{}, apierrors.NewBadRequest(fmt.Sprintf("previous terminated container %q in pod %q not found", ref.Container, ref.Pod))
		}
		return server.ContainerLog{ContainerID: current.ID, Path: current.LogPath}, nil
	}
	if current == nil || current.State == runtimeapi.ContainerState_CONTAINER_CREATED {
		return server.ContainerLog{}, apierrors.NewBadRequest(w.whyNoLog(ref))
	}
	log := server.ContainerLog{ContainerID: current.ID, Path: current.LogPath}
	if current.Running() {
		log.Ended, log.Release = w.watchEnd(current.ID)
	}
	return log, nil
}

// Config implements server.Backend.
func (b backend) Config() any {
	k := b.k
	return map[string]any{
		"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "port": k.ServerPort, "clusterDomain": k.ClusterDomain, "clusterDNS": k.ClusterDNS,
		"maxPods": k.MaxPods, "cgroupRoot": k.CgroupRoot, "cgroupDriver": "cgroupfs", "resolvConf": k.ResolvConf,
		"seccompDefault": k.SeccompDefault, "containerRuntimeEndpoint": k.RuntimeEndpoint, "allowedUnsafeSysctls": k.AllowedUnsafeSysctls,
		"containerLogMaxSize": strconv.FormatInt(k.ContainerLogMaxSize, 10), "containerLogMaxFiles": k.ContainerLogMaxFiles,
	}
}

// willRestart says why the container waits to be started again, or "". The caller holds mu.
func (w *worker) willRestart(name string) string { return w.waiting[name].Reason }

// whyNoLog says why a container has no log yet. The caller holds mu.
func (w *worker) whyNoLog(ref server.ContainerRef) string {
	reason := w.waiting[ref.Container].Reason
	switch reason {
	case "":
		reason = "ContainerCreating"
		if len(w.pod.Spec.InitContainers) > 0 {
			reason = "PodInitializing"
		}
	case "ErrImagePull":
		reason = "image can't be pulled"
	case "ImagePullBackOff":
		reason = "trying and failing to pull image"
	}
	return fmt.Sprintf("container %q in pod %q is waiting to start: %s", ref.Container, ref.Pod, reason)
}

// watchEnd returns a channel that is closed when the container has ended. The caller holds mu.
func (w *worker) watchEnd(id string) (<-chan struct{}, func()) {
	ended := make(chan struct{})
	if w.ends == nil {
		w.ends = map[chan struct{}]string{}
	}
	w.ends[ended] = id
	return ended, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.ends, ended)
	}
}

// tellEnds closes the channels of containers that have ended. The caller holds mu.
func (w *worker) tellEnds() {
	for ended, id := range w.ends {
		if c := w.rt.ByID(id); c == nil || c.Exited() {
			delete(w.ends, ended)
			close(ended)
		}
	}
}

func (k *Kubelet) allWorkers() []*worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]*worker, 0, len(k.workers))
	for _, w := range k.workers {
		out = append(out, w)
	}
	return out
}

// find returns the worker of the pod that a request names.
func (b backend) find(ref server.ContainerRef) (*worker, error) {
	if ref.UID != "" {
		if w := b.k.worker(ref.UID); w != nil {
			return w, nil
		}
	}
	for _, w := range b.k.allWorkers() {
		w.mu.Lock()
		pod, gone := w.pod, w.gone
		w.mu.Unlock()
		if pod.Namespace == ref.Namespace && pod.Name == ref.Pod && !gone && (ref.UID == "" || ref.UID == pod.UID) {
			return w, nil
		}
	}
	return nil, notFound("pod does not exist")
}

func (b backend) running(ref server.ContainerRef) (*runtime.Container, error) {
	w, err := b.find(ref)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.rt.Current(ref.Container)
	if !c.Running() {
		return nil, notFound(fmt.Sprintf("container not found (%q)", ref.Container))
	}
	return c, nil
}

func notFound(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: message}}
}

// statsPods lists the pods that run now, for statistics.
func (k *Kubelet) statsPods(context.Context) ([]stats.Pod, error) {
	var out []stats.Pod
	for _, w := range k.allWorkers() {
		w.mu.Lock()
		if s := w.rt.Sandbox(); s != nil && s.Ready && !w.gone {
			group := k.cgroups.PodPath(runtime.QOS(w.pod), w.pod.UID)
			p := stats.Pod{Pod: w.pod, SandboxID: s.ID, Cgroup: group, SandboxPath: filepath.Join(group, s.ID), StartedAt: w.start}
			for _, c := range w.rt.Containers {
				if c.Running() {
					p.Containers = append(p.Containers, stats.Container{
						Name: c.Name, ID: c.ID, Image: c.Image, StartedAt: c.StartedAt, Cgroup: filepath.Join(group, c.ID), LogPath: c.LogPath,
					})
				}
			}
			for name, mount := range k.volumes.Mounted(w.pod.UID) {
				p.Volumes = append(p.Volumes, stats.Volume{Name: name, Path: mount.HostPath, Claim: mount.Claim})
			}
			out = append(out, p)
		}
		w.mu.Unlock()
	}
	return out, nil
}
