package stats

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// machineMemory is what the whole machine uses, for a node that has the machine to itself.
func machineMemory() (u usage, total uint64) {
	info := table("/proc/meminfo")
	const kib = 1024
	total = info["MemTotal"] * kib
	u.memory = less(total, info["MemFree"]*kib)
	u.workingSet = less(u.memory, info["Inactive(file)"]*kib)
	u.rss = info["AnonPages"] * kib
	u.cache = info["Cached"] * kib
	u.mapped = info["Mapped"] * kib
	u.swap = less(info["SwapTotal"], info["SwapFree"]) * kib
	vm := table("/proc/vmstat")
	u.pageFaults, u.majorPageFaults = vm["pgfault"], vm["pgmajfault"]
	return u, total
}

// interfaces are the counters of a process's network namespace, by interface.
type interfaceUsage struct {
	name                               string
	rxBytes, rxPackets, rxErrs, rxDrop uint64
	txBytes, txPackets, txErrs, txDrop uint64
}

func interfacesOf(pid string) []interfaceUsage {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "net/dev"))
	if err != nil {
		return nil
	}
	var found []interfaceUsage
	for line := range strings.Lines(string(data)) {
		name, counters, ok := strings.Cut(line, ":")
		fields := strings.Fields(counters)
		if name = strings.TrimSpace(name); !ok || len(fields) < 16 || name == "lo" {
			continue
		}
		at := func(i int) uint64 { value, _ := strconv.ParseUint(fields[i], 10, 64); return value }
		found = append(found, interfaceUsage{name, at(0), at(1), at(2), at(3), at(8), at(9), at(10), at(11)})
	}
	return found
}

// defaultInterface is the interface of the default route in a process's network namespace.
func defaultInterface(pid string) string {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "net/route"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 7 && fields[1] == "00000000" && fields[7] == "00000000" {
			return fields[0]
		}
	}
	return ""
}

func networkStats(at metav1.Time, pid string, interfaces []interfaceUsage) *statsapi.NetworkStats {
	if len(interfaces) == 0 {
		return nil
	}
	stats := &statsapi.NetworkStats{Time: at}
	standard := defaultInterface(pid)
	for i := range interfaces {
		one := statsapi.InterfaceStats{
			Name:    interfaces[i].name,
			RxBytes: &interfaces[i].rxBytes, RxErrors: &interfaces[i].rxErrs,
			TxBytes: &interfaces[i].txBytes, TxErrors: &interfaces[i].txErrs,
		}
		stats.Interfaces = append(stats.Interfaces, one)
		if one.Name == standard || standard == "" && i == 0 {
			stats.InterfaceStats = one
		}
	}
	return stats
}

// fileSystem measures the file system that holds path.
func fileSystem(at metav1.Time, path string) *statsapi.FsStats {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return nil
	}
	block := uint64(stat.Bsize)
	capacity, available, used := stat.Blocks*block, stat.Bavail*block, (stat.Blocks-stat.Bfree)*block
	inodesUsed := stat.Files - stat.Ffree
	return &statsapi.FsStats{
		Time: at, CapacityBytes: &capacity, AvailableBytes: &available, UsedBytes: &used,
		Inodes: &stat.Files, InodesFree: &stat.Ffree, InodesUsed: &inodesUsed,
	}
}

func processLimits(at metav1.Time) *statsapi.RlimitStats {
	most, ok := number("/proc/sys/kernel/pid_max")
	load, err := os.ReadFile("/proc/loadavg")
	if !ok || err != nil {
		return nil
	}
	fields := strings.Fields(string(load))
	if len(fields) < 4 {
		return nil
	}
	_, all, _ := strings.Cut(fields[3], "/")
	running, err := strconv.ParseInt(all, 10, 64)
	if err != nil {
		return nil
	}
	limit := int64(most)
	return &statsapi.RlimitStats{Time: at, MaxPID: &limit, NumOfRunningProcesses: &running}
}
