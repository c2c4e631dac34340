package server

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ContainerRef names a container as requests do. UID is "" when the request did not give one.
type ContainerRef struct {
	Namespace, Pod string
	UID            types.UID
	Container      string
}

// ContainerLog is where one container instance writes its log.
type ContainerLog struct {
	ContainerID string
	Path        string
	// Ended is closed when the container has exited; following then ends after the last line. Nil: it has ended already.
	Ended <-chan struct{}
	// Release, if not nil, is called when the log is no longer read.
	Release func()
}

// Backend is what the server needs of the kubelet. Errors that carry an API status (apierrors) keep their code;
// others become 500.
type Backend interface {
	// Healthy returns why the kubelet is not healthy, or nil.
	Healthy(ctx context.Context) error
	// Pods returns the pods assigned to this node, as /pods shows them.
	Pods() []*corev1.Pod
	// RunningPods returns the pods that the runtime knows, as /runningpods shows them.
	RunningPods(ctx context.Context) ([]*corev1.Pod, error)
	// ExecURL asks the runtime for a streaming URL; it fills in req.ContainerId.
	ExecURL(ctx context.Context, ref ContainerRef, req *runtimeapi.ExecRequest) (string, error)
	// AttachURL is ExecURL for attach.
	AttachURL(ctx context.Context, ref ContainerRef, req *runtimeapi.AttachRequest) (string, error)
	// PortForwardURL asks for the streaming URL of the pod's sandbox. ref.Container is "".
	PortForwardURL(ctx context.Context, ref ContainerRef, ports []int32) (string, error)
	// ContainerLog finds the log of the container's current or previous instance. An error's text is what
	// `kubectl logs` prints: `container "x" in pod "y" is waiting to start: ContainerCreating` (as a BadRequest).
	ContainerLog(ctx context.Context, ref ContainerRef, previous bool) (ContainerLog, error)
	// Config returns the effective KubeletConfiguration for /configz.
	Config() any
}
