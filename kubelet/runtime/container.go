package runtime

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/env"
)

// ContainerInput is all that a container's configuration depends on.
type ContainerInput struct {
	Node      *NodeInput
	Pod       *corev1.Pod
	Container *corev1.Container
	Attempt   int
	// ImageRef is what the runtime calls the image; ImageUser is its user.
	ImageRef  string
	ImageUser ImageUser
	Env       []*runtimeapi.KeyValue
	// Mounts are the volume mounts. The hosts file and the termination message are added here.
	Mounts []*runtimeapi.Mount
	// HostsPath is the pod's hosts file.
	HostsPath string
	// TargetID is the container whose process namespace an ephemeral container joins, or "".
	TargetID string
}

// stopSignal returns the signal that the container asked to be stopped with, or "".
func stopSignal(c *corev1.Container) string {
	if c.Lifecycle != nil && c.Lifecycle.StopSignal != nil {
		return string(*c.Lifecycle.StopSignal)
	}
	return ""
}

// Config returns what CRI is asked to create, after making the files and folders that it refers to.
func (in *ContainerInput) Config() (*runtimeapi.ContainerConfig, error) {
	c := in.Container
	if err := checkNonRoot(in.Pod, c, in.ImageUser); err != nil {
		return nil, err
	}
	messagePath, err := in.prepareFiles()
	if err != nil {
		return nil, err
	}
	config := &runtimeapi.ContainerConfig{
		Metadata:   &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: uint32(in.Attempt)},
		Image:      &runtimeapi.ImageSpec{Image: in.ImageRef, UserSpecifiedImage: c.Image},
		Command:    env.ExpandAll(c.Command, in.Env),
		Args:       env.ExpandAll(c.Args, in.Env),
		WorkingDir: c.WorkingDir,
		Envs:       in.Env, Mounts: in.mounts(messagePath),
		Labels:      containerLabels(in.Pod, c.Name),
		Annotations: containerAnnotations(in.Pod, c, in.Attempt, messagePath),
		LogPath:     filepath.Join(c.Name, fmt.Sprintf("%d.log", in.Attempt)),
		Stdin:       c.Stdin, StdinOnce: c.StdinOnce, Tty: c.TTY,
		Linux: &runtimeapi.LinuxContainerConfig{Resources: in.resources(), SecurityContext: in.security()},
	}
	if s := stopSignal(c); s != "" {
		config.StopSignal = runtimeapi.Signal(runtimeapi.Signal_value[s])
	}
	return config, nil
}

// prepareFiles makes the log folder and the file for the termination message, whose path it returns.
func (in *ContainerInput) prepareFiles() (string, error) {
	logs := filepath.Join(in.Node.PodLogDir(in.Pod.Namespace, in.Pod.Name, in.Pod.UID), in.Container.Name)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return "", fmt.Errorf("making the container's log folder: %w", err)
	}
	if in.Container.TerminationMessagePath == "" {
		return "", nil
	}
	dir := filepath.Join(in.Node.PodDir(in.Pod.UID), "containers", in.Container.Name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("making the container's folder: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%08x", in.Attempt))
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		return "", fmt.Errorf("making the termination message file: %w", err)
	}
	// The container may run as anyone; the umask must not take that away.
	if err := os.Chmod(path, 0o666); err != nil {
		return "", fmt.Errorf("opening the termination message file to all: %w", err)
	}
	return path, nil
}

func (in *ContainerInput) mounts(messagePath string) []*runtimeapi.Mount {
	mounts := in.Mounts
	taken := func(path string) bool {
		for _, m := range in.Mounts {
			if filepath.Clean(m.ContainerPath) == path {
				return true
			}
		}
		return false
	}
	if in.HostsPath != "" && !taken("/etc/hosts") {
		mounts = append(mounts, &runtimeapi.Mount{ContainerPath: "/etc/hosts", HostPath: in.HostsPath, SelinuxRelabel: true})
	}
	if messagePath != "" && !taken(filepath.Clean(in.Container.TerminationMessagePath)) {
		mounts = append(mounts, &runtimeapi.Mount{ContainerPath: in.Container.TerminationMessagePath, HostPath: messagePath, SelinuxRelabel: true})
	}
	return mounts
}

// Create makes the container in the sandbox and returns its id.
func (c *Client) Create(ctx context.Context, sandboxID string, config *runtimeapi.ContainerConfig, sandbox *runtimeapi.PodSandboxConfig) (string, error) {
	r, err := c.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{PodSandboxId: sandboxID, Config: config, SandboxConfig: sandbox})
	if err != nil {
		return "", err
	}
	return r.ContainerId, nil
}

// Start starts a created container.
func (c *Client) Start(ctx context.Context, id string) error {
	_, err := c.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: id})
	return err
}

// Stop sends the stop signal, and kills the container when it still runs after grace seconds. It is idempotent.
func (c *Client) Stop(ctx context.Context, id string, grace int64) error {
	if _, err := c.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: grace}); err != nil && !notFound(err) {
		return fmt.Errorf("stopping container %s: %w", id, err)
	}
	return nil
}

// Remove removes an exited container. It is idempotent.
func (c *Client) Remove(ctx context.Context, id string) error {
	if _, err := c.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: id}); err != nil && !notFound(err) {
		return fmt.Errorf("removing container %s: %w", id, err)
	}
	return nil
}

// maxExecOutput is how much of what a command prints is of use to anybody.
const maxExecOutput = 10 << 10

// RunCommand runs a command in a container. A timeout of 0 means none.
func (c *Client) RunCommand(ctx context.Context, id string, command []string, timeout time.Duration) (output string, code int, err error) {
	if timeout > 0 {
		// The runtime kills the command when the time is over; this only guards against a runtime that does not answer.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout+10*time.Second)
		defer cancel()
	}
	r, err := c.ExecSync(ctx, &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: int64(timeout / time.Second)})
	if err != nil {
		return "", 0, err
	}
	out := append(r.Stdout, r.Stderr...)
	return string(out[:min(len(out), maxExecOutput)]), int(r.ExitCode), nil
}

// ReopenLog has the runtime open a container's log anew.
func (c *Client) ReopenLog(ctx context.Context, id string) error {
	_, err := c.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: id})
	return err
}
