package stats

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"
)

// Container is one running container to measure.
type Container struct {
	Name, ID, Image string
	StartedAt       time.Time
	// Cgroup is its path below each hierarchy's mount point, "/kubepods/besteffort/pod<uid>/<id>".
	Cgroup string
	// LogPath is the current log file, "" when unknown.
	LogPath string
}

// Volume is one volume of a pod to measure. A claim's volume, or one with a mount of its own, is as large as its file
// system; another one below RootDir is as large as the files in it; anything else is the host's and is left out.
type Volume struct {
	Name, Path string
	Claim      string // the PersistentVolumeClaim's name, if any
}

// Pod is one pod to measure.
type Pod struct {
	Pod         *corev1.Pod
	SandboxID   string
	Cgroup      string // the pod's own cgroup
	SandboxPath string // the sandbox container's cgroup, whose processes live in the pod's network namespace
	StartedAt   time.Time
	Containers  []Container
	Volumes     []Volume
}

// Runtime is the part of the CRI clients that stats needs; k8s.io/cri-api's RuntimeService and ImageManagerService have it.
type Runtime interface {
	ListContainerStats(ctx context.Context, filter *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error)
	ImageFsInfo(ctx context.Context) (*runtimeapi.ImageFsInfoResponse, error)
}

// Provider answers what the node and its pods use. Its exported fields are inputs.
type Provider struct {
	NodeName string
	// Pods lists the pods that run now.
	Pods func(ctx context.Context) ([]Pod, error)
	// Runtime gives writable layer and image sizes; nil leaves those out.
	Runtime Runtime
	// RootDir is the kubelet's folder, whose file system is the node's.
	RootDir string
	// CgroupRoot is where the hierarchies are mounted, default /sys/fs/cgroup.
	CgroupRoot string
	// NodeCgroup is the cgroup that stands for this node, "/" by default (one of several nodes on a machine has its own).
	NodeCgroup string
	// StartedAt is when the node's kubelet started.
	StartedAt time.Time
	// Clock defaults to the real one.
	Clock clock.Clock

	rates rates
}

func (p *Provider) clock() clock.Clock {
	if p.Clock == nil {
		return clock.RealClock{}
	}
	return p.Clock
}

func (p *Provider) cgroups() cgroups {
	if p.CgroupRoot == "" {
		return openCgroups("/sys/fs/cgroup")
	}
	return openCgroups(p.CgroupRoot)
}

func (p *Provider) nodeCgroup() string {
	if p.NodeCgroup == "" {
		return "/"
	}
	return p.NodeCgroup
}

func (p *Provider) rootDir() string {
	if p.RootDir == "" {
		return "/var/lib/kubelet"
	}
	return p.RootDir
}
