package stats

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/clock"
)

func TestBothCgroupVersionsReadAlike(t *testing.T) {
	want := usage{
		found: true, cpu: 1_500_000_000, user: 1_000_000_000, system: 500_000_000, periods: 10, throttled: 4, throttledTime: 2_000_000,
		memory: 10000, workingSet: 7000, rss: 5000, cache: 4000, mapped: 600, swap: 70, maxMemory: 12000, memoryFailures: 3,
		pageFaults: 8, majorPageFaults: 9, processes: 2,
	}
	for _, version := range []string{"v1", "v2"} {
		groups := openCgroups("testdata/" + version)
		got := groups.read("/kubepods/pod1/c1")
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(usage{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
		if cpu, ok := groups.cpuUsage("/kubepods/pod1/c1"); !ok || cpu != want.cpu {
			t.Errorf("%s: cpu is %d, %v", version, cpu, ok)
		}
		if groups.read("/gone").found {
			t.Errorf("%s: a cgroup that does not exist was found", version)
		}
	}
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counter, waits := uint64(0), 0
		var r rates
		ask := func() uint64 {
			now := map[string]sample{"/a": {time.Now(), counter}}
			return r.nanoCores(t.Context(), clock.RealClock{}, now, func(string) (uint64, bool) {
				waits++
				counter += 20_000_000
				return counter, true
			})["/a"]
		}
		// Nothing is known: a second sample is taken a moment later, in which a tenth of a core is used.
		if got := ask(); got != 100_000_000 || waits != 1 {
			t.Errorf("first rate %d after %d second samples", got, waits)
		}
		time.Sleep(500 * time.Millisecond)
		if got := ask(); got != 100_000_000 || waits != 1 {
			t.Errorf("asked again at once: %d after %d second samples", got, waits)
		}
		time.Sleep(9500 * time.Millisecond)
		counter += 5_000_000_000
		if got := ask(); got != 500_000_000 || waits != 1 {
			t.Errorf("ten seconds later: %d after %d second samples", got, waits)
		}
	})
}

// fakeRuntime knows one container's writable layer.
type fakeRuntime struct{}

func (fakeRuntime) ListContainerStats(context.Context, *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	return []*runtimeapi.ContainerStats{{
		Attributes:    &runtimeapi.ContainerAttributes{Id: "c1"},
		WritableLayer: &runtimeapi.FilesystemUsage{UsedBytes: &runtimeapi.UInt64Value{Value: 4096}, InodesUsed: &runtimeapi.UInt64Value{Value: 1}},
	}}, nil
}

func (fakeRuntime) ImageFsInfo(context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	return &runtimeapi.ImageFsInfoResponse{ImageFilesystems: []*runtimeapi.FilesystemUsage{{
		FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: "/"}, UsedBytes: &runtimeapi.UInt64Value{Value: 1 << 20}}}}, nil
}

func measuredNode(t *testing.T, version string) *Summary {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "1"}}
	provider := &Provider{
		NodeName: "node-1", RootDir: t.TempDir(), CgroupRoot: "testdata/" + version, NodeCgroup: "/kubepods/pod1/c1", Runtime: fakeRuntime{},
		Pods: func(context.Context) ([]Pod, error) {
			return []Pod{{Pod: pod, Cgroup: "/kubepods/pod1", Containers: []Container{
				{Name: "main", ID: "c1", Image: "img", StartedAt: time.Unix(100, 0), Cgroup: "/kubepods/pod1/c1"}}}}, nil
		},
	}
	summary, err := provider.Summarize(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

func TestSummary(t *testing.T) {
	data, err := json.Marshal(measuredNode(t, "v2").API())
	if err != nil {
		t.Fatal(err)
	}
	summary, err := Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if len(summary.Pods) != 1 || len(summary.Pods[0].Containers) != 1 {
		t.Fatalf("summary is %s", data)
	}
	container := summary.Pods[0].Containers[0]
	if *container.Memory.WorkingSetBytes != 7000 || *container.CPU.UsageCoreNanoSeconds != 1_500_000_000 || *container.CPU.UsageNanoCores != 0 || *container.Rootfs.UsedBytes != 4096 {
		t.Errorf("container is %s", data)
	}
	if summary.Pods[0].PodRef.Name != "web" || *summary.Node.Memory.WorkingSetBytes != 7000 || summary.Node.Fs == nil || *summary.Node.Runtime.ImageFs.UsedBytes != 1<<20 {
		t.Errorf("summary is %s", data)
	}
}

func TestVolumesAreMeasured(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pods/1/volumes/v")
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "a"), make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(path, "a"), filepath.Join(path, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(path, "c")); err != nil {
		t.Fatal(err)
	}
	s := &Summary{rootDir: dir}
	pod := &measuredPod{Pod: Pod{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}}}
	got, used := s.volume(metav1.Now(), pod, Volume{Name: "v", Path: path})
	if got == nil || used < 8192 || used > 8192+16384 || *got.InodesUsed != 3 {
		t.Errorf("volume is %+v with %d bytes", got, used)
	}
	if got, _ := s.volume(metav1.Now(), pod, Volume{Name: "host", Path: "/etc"}); got != nil {
		t.Errorf("the host's folder was measured: %+v", got)
	}
	got, used = s.volume(metav1.Now(), pod, Volume{Name: "pv", Path: "/etc", Claim: "data"})
	if got == nil || used != 0 || got.PVCRef == nil || *got.PVCRef != (statsapi.PVCReference{Name: "data", Namespace: "ns"}) {
		t.Errorf("the claim's volume is %+v with %d bytes", got, used)
	}
}

func TestMetricNames(t *testing.T) {
	for name, collector := range map[string]prometheus.Collector{
		"node_cpu_usage_seconds_total node_memory_working_set_bytes container_cpu_usage_seconds_total container_memory_working_set_bytes container_start_time_seconds":                                                         ResourceMetrics(measuredNode(t, "v1")),
		"container_cpu_usage_seconds_total container_memory_working_set_bytes container_memory_rss container_cpu_cfs_throttled_periods_total container_fs_usage_bytes container_network_receive_bytes_total machine_cpu_cores": ContainerMetrics(measuredNode(t, "v1")),
	} {
		registry := prometheus.NewRegistry()
		registry.MustRegister(collector)
		families, err := registry.Gather()
		if err != nil {
			t.Errorf("gathering: %v", err)
		}
		found := map[string]bool{}
		for _, family := range families {
			found[family.GetName()] = true
		}
		for _, want := range strings.Fields(name) {
			if want == "container_network_receive_bytes_total" && len(interfacesOf("self")) == 0 {
				continue
			}
			if !found[want] {
				t.Errorf("%s is missing among %v", want, slices.Sorted(maps.Keys(found)))
			}
		}
	}
}
