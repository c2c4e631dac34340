package runtime

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	kuberesource "k8s.io/component-helpers/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	minShares, maxShares = 2, 262144
	quotaPeriod          = 100000
	minQuota             = 1000

	oomGuaranteed = -997
	oomBestEffort = 1000

	criticalPriority = 2000000000
)

// Shares converts a CPU request to cgroup v1's shares; the runtime converts them to v2's weight.
func Shares(milli int64) int64 {
	return min(max(milli*1024/1000, minShares), maxShares)
}

// Quota converts a CPU limit to the microseconds of each period that it allows. 0 is no limit.
func Quota(milli int64) int64 {
	if milli == 0 {
		return 0
	}
	return max(milli*quotaPeriod/1000, minQuota)
}

// resources returns what the container's cgroup and process are limited to.
func (in *ContainerInput) resources() *runtimeapi.LinuxContainerResources {
	requests, limits := in.Container.Resources.Requests, in.Container.Resources.Limits
	cpuRequest, memoryLimit := requests.Cpu().MilliValue(), limits.Memory().Value()
	if _, set := requests[corev1.ResourceCPU]; !set {
		cpuRequest = limits.Cpu().MilliValue()
	}
	podLimits := kuberesource.PodLimits(in.Pod, kuberesource.PodResourcesOptions{})
	if memoryLimit == 0 && kuberesource.IsPodLevelLimitsSet(in.Pod) {
		memoryLimit = podLimits.Memory().Value()
	}
	r := &runtimeapi.LinuxContainerResources{
		CpuShares: Shares(cpuRequest), CpuPeriod: quotaPeriod, CpuQuota: Quota(limits.Cpu().MilliValue()),
		MemoryLimitInBytes: memoryLimit,
		OomScoreAdj:        int64(max(oomScoreAdj(in.Pod, in.Container, in.Node.MemoryCapacity), in.Node.OOMScoreFloor)),
	}
	if in.Node.CgroupV2 {
		r.Unified = map[string]string{"memory.oom.group": "1"}
	}
	for name, q := range limits {
		if size, ok := strings.CutPrefix(string(name), corev1.ResourceHugePagesPrefix); ok {
			r.HugepageLimits = append(r.HugepageLimits, &runtimeapi.HugepageLimit{PageSize: pageSize(size), Limit: uint64(q.Value())})
		}
	}
	return r
}

// pageSize turns 2Mi into the kernel's 2MB.
func pageSize(s string) string { return strings.TrimSuffix(s, "i") + "B" }

// oomScoreAdj says how readily the kernel kills a container when memory runs out: the less it asked for, the sooner.
func oomScoreAdj(pod *corev1.Pod, container *corev1.Container, memoryCapacity int64) int {
	if pod.Spec.Priority != nil && *pod.Spec.Priority >= criticalPriority {
		return oomGuaranteed
	}
	switch QOS(pod) {
	case corev1.PodQOSGuaranteed:
		return oomGuaranteed
	case corev1.PodQOSBestEffort:
		return oomBestEffort
	}
	if memoryCapacity == 0 {
		return oomBestEffort - 1
	}
	score := 1000 - int(1000*container.Resources.Requests.Memory().Value()/memoryCapacity)
	return min(max(score, 1000+oomGuaranteed), oomBestEffort-1)
}

// QOS is the pod's quality of service class: what the API server set, or else what follows from requests and limits.
func QOS(pod *corev1.Pod) corev1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	any, guaranteed := false, true
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			r := list[i].Resources
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, hasRequest := r.Requests[name]
				limit, hasLimit := r.Limits[name]
				any = any || hasRequest && !request.IsZero() || hasLimit && !limit.IsZero()
				if !hasLimit || limit.IsZero() || hasRequest && !request.IsZero() && request.Cmp(limit) != 0 {
					guaranteed = false
				}
			}
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

// OOMScoreFloor is the lowest OOM score that this process may give to others.
func OOMScoreFloor() int {
	if canLowerOOMScore() {
		return -1000
	}
	return ownOOMScore()
}

// canLowerOOMScore says whether this process has CAP_SYS_RESOURCE.
func canLowerOOMScore() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// ownOOMScore is the oom_score_adj of this process, below which an unprivileged one may not set others'.
func ownOOMScore() int {
	raw, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return 0
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0
	}
	return v
}

// Resources is what the container is limited to.
func (n *NodeInput) Resources(pod *corev1.Pod, c *corev1.Container) *runtimeapi.LinuxContainerResources {
	return (&ContainerInput{Node: n, Pod: pod, Container: c}).resources()
}

// Differ says whether a container that the runtime says to have some resources lacks the wanted ones.
func Differ(want, have *runtimeapi.LinuxContainerResources) (cpu, memory bool) {
	cpu = want.CpuShares != have.CpuShares || max(want.CpuQuota, 0) != max(have.CpuQuota, 0)
	return cpu, max(want.MemoryLimitInBytes, 0) != max(have.MemoryLimitInBytes, 0)
}
