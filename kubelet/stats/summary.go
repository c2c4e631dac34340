package stats

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// Summary is one measurement of the node and everything on it.
type Summary struct {
	At         time.Time
	nodeName   string
	started    time.Time
	node       measured
	memory     uint64 // the node's memory
	rootDir    string
	interfaces []interfaceUsage
	imageFs    *statsapi.FsStats
	pods       []measuredPod
}

// measured is one cgroup's reading; nanoCores is nil when no rate is known.
type measured struct {
	usage
	at        metav1.Time
	cgroup    string
	nanoCores *uint64
}

type measuredPod struct {
	Pod
	measured
	pid        string // a process in its network namespace, "" for the node's own
	interfaces []interfaceUsage
	containers []measuredContainer
}

type measuredContainer struct {
	Container
	measured
	layer *runtimeapi.FilesystemUsage // its writable layer
}

// Summarize measures now. The caller's request is the only cause of any work here.
func (p *Provider) Summarize(ctx context.Context) (*Summary, error) {
	pods, err := p.Pods(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing running pods: %w", err)
	}
	groups := p.cgroups()
	s := &Summary{At: p.clock().Now(), nodeName: p.NodeName, started: p.StartedAt, rootDir: p.rootDir()}
	s.node = p.measureNode(groups, s)
	s.interfaces = interfacesOf("self")
	layers := p.layers(ctx)
	for _, pod := range pods {
		s.pods = append(s.pods, p.measurePod(groups, pod, layers))
	}
	s.imageFs = p.measureImages(ctx)
	p.fillRates(ctx, groups, s)
	return s, nil
}

func (p *Provider) measure(groups cgroups, path string) measured {
	return measured{usage: groups.read(path), cgroup: path, at: metav1.NewTime(p.clock().Now())}
}

func (p *Provider) measureNode(groups cgroups, s *Summary) measured {
	node := p.measure(groups, p.nodeCgroup())
	machine, total := machineMemory()
	s.memory = total
	if node.cgroup == "/" {
		machine.found, machine.cpu, machine.user, machine.system = node.found, node.cpu, node.user, node.system
		node.usage = machine
		return node
	}
	if node.memoryLimit != 0 {
		s.memory = min(total, node.memoryLimit)
	}
	return node
}

func (p *Provider) measurePod(groups cgroups, pod Pod, layers map[string]*runtimeapi.FilesystemUsage) measuredPod {
	result := measuredPod{Pod: pod, measured: p.measure(groups, pod.Cgroup)}
	if pod.Pod == nil || !pod.Pod.Spec.HostNetwork {
		if pid, ok := groups.firstProcess(pod.SandboxPath); ok && pod.SandboxPath != "" {
			result.pid, result.interfaces = pid, interfacesOf(pid)
		}
	}
	for _, container := range pod.Containers {
		result.containers = append(result.containers, measuredContainer{
			Container: container, measured: p.measure(groups, container.Cgroup), layer: layers[container.ID],
		})
	}
	return result
}

// layers asks the runtime how much each container has written to its root file system.
func (p *Provider) layers(ctx context.Context) map[string]*runtimeapi.FilesystemUsage {
	if p.Runtime == nil {
		return nil
	}
	stats, err := p.Runtime.ListContainerStats(ctx, nil)
	if err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "Asking the runtime for writable layers failed")
		return nil
	}
	layers := make(map[string]*runtimeapi.FilesystemUsage, len(stats))
	for _, one := range stats {
		layers[one.GetAttributes().GetId()] = one.GetWritableLayer()
	}
	return layers
}

func (p *Provider) measureImages(ctx context.Context) *statsapi.FsStats {
	if p.Runtime == nil {
		return nil
	}
	info, err := p.Runtime.ImageFsInfo(ctx)
	if err != nil || len(info.GetImageFilesystems()) == 0 {
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "Asking the runtime for image sizes failed")
		}
		return nil
	}
	images := info.GetImageFilesystems()[0]
	stats := fileSystem(metav1.NewTime(p.clock().Now()), images.GetFsId().GetMountpoint())
	if stats == nil {
		return nil
	}
	used := images.GetUsedBytes().GetValue()
	stats.UsedBytes = &used
	return stats
}

func (p *Provider) fillRates(ctx context.Context, groups cgroups, s *Summary) {
	now := map[string]sample{}
	s.each(func(m *measured) {
		if m.found {
			now[m.cgroup] = sample{m.at.Time, m.cpu}
		}
	})
	found := p.rates.nanoCores(ctx, p.clock(), now, groups.cpuUsage)
	s.each(func(m *measured) {
		if rate, ok := found[m.cgroup]; ok {
			m.nanoCores = &rate
		}
	})
}

func (s *Summary) each(do func(*measured)) {
	do(&s.node)
	for i := range s.pods {
		do(&s.pods[i].measured)
		for j := range s.pods[i].containers {
			do(&s.pods[i].containers[j].measured)
		}
	}
}
