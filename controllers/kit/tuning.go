package kit

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Tuning is what users change of how controllers do what they do, by the flags of kube-controller-manager.
type Tuning struct {
	// Workers are how many objects a controller looks at at a time, by its name. One that is not named, or has 0, knows by itself.
	Workers     map[string]int
	Autoscaling Autoscaling
	NodeDrains  NodeDrains
	Recycling   Recycling
	// NodeStartupGrace is how long a new Node may take to report for the first time. Default: a minute.
	NodeStartupGrace time.Duration
	// EndpointsPerSlice is how many endpoints a slice holds. Default: 100.
	EndpointsPerSlice int
	// MirroredPerSubset is how many addresses of a subset of Endpoints are mirrored. Default: 1000.
	MirroredPerSubset int
}

// Autoscaling is how HorizontalPodAutoscalers scale where they do not say so themselves.
type Autoscaling struct {
	// Period is how often metrics are asked for. Default: 15 s.
	Period time.Duration
	// Downscale is how long a larger recommendation holds the target up. Default: 5 min.
	Downscale time.Duration
	// Tolerance is how far the ratio of what is to what should be may be from 1. Default: 0.1.
	Tolerance float64
	// Initialization is how long the CPU usage of a new pod counts for little. Default: 5 min.
	Initialization time.Duration
	// ReadinessDelay is how long after its start a pod that is not ready has never been. Default: 30 s.
	ReadinessDelay time.Duration
}

// NodeDrains is how fast the nodes of a zone that are not ready any more are emptied.
type NodeDrains struct {
	// Rate is how many nodes a second. Default: 0.1.
	Rate float64
	// Unhealthy is the part of a zone's nodes from which on the zone is unhealthy. Default: 0.55.
	Unhealthy float64
	// Large zones, of more nodes than that, are emptied at SecondaryRate while they are unhealthy; others are not. Defaults: 50 and 0.01.
	Large         int
	SecondaryRate float64
}

// Recycling is about the pods that empty volumes.
type Recycling struct {
	// HostPath and NFS are how long emptying a volume may take.
	HostPath, NFS RecyclingTime
	// HostPathPod and NFSPod are used in place of the pods that are made otherwise. Default: none.
	HostPathPod, NFSPod *corev1.Pod
	// Retry is how soon a volume that could not be emptied is tried again. Default: 15 s.
	Retry time.Duration
}

// RecyclingTime is Least, or Each for each GiB if that is more. Defaults: a minute, for NFS five, and 30 s.
type RecyclingTime struct{ Least, Each time.Duration }

// DefaultTuning is that of kube-controller-manager, but for the workers.
func DefaultTuning() *Tuning {
	return &Tuning{
		Workers:          map[string]int{},
		Autoscaling:      Autoscaling{Period: 15 * time.Second, Downscale: 5 * time.Minute, Tolerance: 0.1, Initialization: 5 * time.Minute, ReadinessDelay: 30 * time.Second},
		NodeDrains:       NodeDrains{Rate: 0.1, Unhealthy: 0.55, Large: 50, SecondaryRate: 0.01},
		Recycling:        Recycling{HostPath: RecyclingTime{time.Minute, 30 * time.Second}, NFS: RecyclingTime{5 * time.Minute, 30 * time.Second}, Retry: 15 * time.Second},
		NodeStartupGrace: time.Minute, EndpointsPerSlice: 100, MirroredPerSubset: 1000,
	}
}
