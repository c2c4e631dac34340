package stats

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// API is the measurement as /stats/summary shows it.
func (s *Summary) API() *statsapi.Summary {
	result := s.OnlyCPUAndMemory()
	at := metav1.NewTime(s.At)
	result.Node.Network = networkStats(at, "self", s.interfaces)
	result.Node.Fs = fileSystem(at, s.rootDir)
	result.Node.Runtime = &statsapi.RuntimeStats{ImageFs: s.imageFs, ContainerFs: s.imageFs}
	result.Node.Rlimit = processLimits(at)
	for i := range s.pods {
		pod, shown := &s.pods[i], &result.Pods[i]
		shown.Network = networkStats(pod.at, pod.pid, pod.interfaces)
		if pod.found {
			shown.ProcessStats = &statsapi.ProcessStats{ProcessCount: &pod.processes}
		}
		var used uint64
		for j := range pod.containers {
			container, one := &pod.containers[j], &shown.Containers[j]
			one.Rootfs, one.Logs = s.rootfs(container), s.logs(container)
			for _, fs := range []*statsapi.FsStats{one.Rootfs, one.Logs} {
				if fs != nil && fs.UsedBytes != nil {
					used += *fs.UsedBytes
				}
			}
		}
		for _, volume := range pod.Volumes {
			if one, walked := s.volume(at, pod, volume); one != nil {
				shown.VolumeStats = append(shown.VolumeStats, *one)
				used += walked
			}
		}
		if node := result.Node.Fs; node != nil {
			shown.EphemeralStorage = &statsapi.FsStats{
				Time: at, UsedBytes: &used, AvailableBytes: node.AvailableBytes, CapacityBytes: node.CapacityBytes,
				Inodes: node.Inodes, InodesFree: node.InodesFree,
			}
		}
	}
	return result
}

// OnlyCPUAndMemory is the part of API that metrics.k8s.io needs.
func (s *Summary) OnlyCPUAndMemory() *statsapi.Summary {
	result := &statsapi.Summary{Node: statsapi.NodeStats{
		NodeName: s.nodeName, StartTime: metav1.NewTime(s.started), CPU: s.node.cpuStats(), Memory: s.node.memoryStats(s.memory), Swap: s.node.swapStats(),
	}}
	result.Pods = make([]statsapi.PodStats, 0, len(s.pods))
	for i := range s.pods {
		pod := &s.pods[i]
		shown := statsapi.PodStats{
			StartTime: metav1.NewTime(pod.StartedAt), CPU: pod.cpuStats(), Memory: pod.memoryStats(pod.memoryLimit), Swap: pod.swapStats(),
			Containers: make([]statsapi.ContainerStats, 0, len(pod.containers)),
		}
		if pod.Pod.Pod != nil {
			shown.PodRef = statsapi.PodReference{Name: pod.Pod.Pod.Name, Namespace: pod.Pod.Pod.Namespace, UID: string(pod.Pod.Pod.UID)}
		}
		for j := range pod.containers {
			container := &pod.containers[j]
			shown.Containers = append(shown.Containers, statsapi.ContainerStats{
				Name: container.Name, StartTime: metav1.NewTime(container.StartedAt),
				CPU: container.cpuStats(), Memory: container.memoryStats(container.memoryLimit), Swap: container.swapStats(),
			})
		}
		result.Pods = append(result.Pods, shown)
	}
	return result
}

func (m *measured) cpuStats() *statsapi.CPUStats {
	if !m.found {
		return nil
	}
	return &statsapi.CPUStats{Time: m.at, UsageNanoCores: m.nanoCores, UsageCoreNanoSeconds: &m.cpu}
}

// memoryStats shows what is left below limit, when there is one.
func (m *measured) memoryStats(limit uint64) *statsapi.MemoryStats {
	if !m.found {
		return nil
	}
	stats := &statsapi.MemoryStats{
		Time: m.at, UsageBytes: &m.memory, WorkingSetBytes: &m.workingSet, RSSBytes: &m.rss,
		PageFaults: &m.pageFaults, MajorPageFaults: &m.majorPageFaults,
	}
	if limit != 0 {
		available := less(limit, m.workingSet)
		stats.AvailableBytes = &available
	}
	return stats
}

func (m *measured) swapStats() *statsapi.SwapStats {
	if !m.found {
		return nil
	}
	return &statsapi.SwapStats{Time: m.at, SwapUsageBytes: &m.swap}
}

func (s *Summary) rootfs(container *measuredContainer) *statsapi.FsStats {
	if container.layer == nil {
		return nil
	}
	used, inodes := container.layer.GetUsedBytes().GetValue(), container.layer.GetInodesUsed().GetValue()
	stats := &statsapi.FsStats{Time: container.at, UsedBytes: &used, InodesUsed: &inodes}
	if s.imageFs != nil {
		stats.AvailableBytes, stats.CapacityBytes = s.imageFs.AvailableBytes, s.imageFs.CapacityBytes
		stats.Inodes, stats.InodesFree = s.imageFs.Inodes, s.imageFs.InodesFree
	}
	return stats
}

// logs counts the container's log files, rotated ones too.
func (s *Summary) logs(container *measuredContainer) *statsapi.FsStats {
	if container.LogPath == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(container.LogPath))
	if err != nil {
		return nil
	}
	var used, inodes uint64
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			used += uint64(info.Size())
			inodes++
		}
	}
	return &statsapi.FsStats{Time: container.at, UsedBytes: &used, InodesUsed: &inodes}
}

// Decode reads what another node's /stats/summary answered.
func Decode(answer io.Reader) (*statsapi.Summary, error) {
	summary := &statsapi.Summary{}
	if err := json.NewDecoder(answer).Decode(summary); err != nil {
		return nil, fmt.Errorf("decoding node statistics: %w", err)
	}
	return summary, nil
}
