package stats

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// unlimited is from where on a cgroup v1 memory limit means none (the largest multiple of a page).
const unlimited = math.MaxInt64 &^ 0xfff

// userHZ is the unit of cpuacct.stat; Linux shows all programs 100 Hz.
const userHZ = 100

// usage is one reading of one cgroup. Counters are since the cgroup was made.
type usage struct {
	found                       bool
	cpu, user, system           uint64 // nanoseconds
	periods, throttled          uint64
	throttledTime               uint64 // nanoseconds
	memory, workingSet          uint64
	rss, cache, mapped, swap    uint64
	maxMemory, memoryFailures   uint64
	pageFaults, majorPageFaults uint64
	memoryLimit                 uint64 // 0: none
	processes                   uint64
}

// cgroups reads either version's hierarchies below root.
type cgroups struct {
	root    string
	unified bool
}

func openCgroups(root string) cgroups {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	return cgroups{root: root, unified: err == nil}
}

func (c cgroups) file(controller, path, name string) string {
	if c.unified {
		controller = ""
	}
	return filepath.Join(c.root, controller, path, name)
}

// cpuUsage reads only the CPU counter, for the second of two samples.
func (c cgroups) cpuUsage(path string) (nanoseconds uint64, ok bool) {
	if c.unified {
		value, ok := table(c.file("", path, "cpu.stat"))["usage_usec"]
		return value * 1000, ok
	}
	return number(c.file("cpuacct", path, "cpuacct.usage"))
}

func (c cgroups) read(path string) usage {
	if c.unified {
		return c.readUnified(path)
	}
	return c.readV1(path)
}

func (c cgroups) readUnified(path string) usage {
	cpu := table(c.file("", path, "cpu.stat"))
	stat := table(c.file("", path, "memory.stat"))
	u := usage{
		cpu: cpu["usage_usec"] * 1000, user: cpu["user_usec"] * 1000, system: cpu["system_usec"] * 1000,
		periods: cpu["nr_periods"], throttled: cpu["nr_throttled"], throttledTime: cpu["throttled_usec"] * 1000,
		rss: stat["anon"], cache: stat["file"], mapped: stat["file_mapped"],
		pageFaults: stat["pgfault"], majorPageFaults: stat["pgmajfault"],
		memoryFailures: table(c.file("", path, "memory.events"))["max"],
	}
	_, u.found = cpu["usage_usec"]
	u.memory, _ = number(c.file("", path, "memory.current"))
	u.workingSet = less(u.memory, stat["inactive_file"])
	u.swap, _ = number(c.file("", path, "memory.swap.current"))
	u.maxMemory, _ = number(c.file("", path, "memory.peak"))
	u.memoryLimit, _ = number(c.file("", path, "memory.max")) // "max" is no number
	u.processes, _ = number(c.file("", path, "pids.current"))
	return u
}

func (c cgroups) readV1(path string) usage {
	ticks := table(c.file("cpuacct", path, "cpuacct.stat"))
	cpu := table(c.file("cpu", path, "cpu.stat"))
	stat := table(c.file("memory", path, "memory.stat"))
	u := usage{
		user: ticks["user"] * (1e9 / userHZ), system: ticks["system"] * (1e9 / userHZ),
		periods: cpu["nr_periods"], throttled: cpu["nr_throttled"], throttledTime: cpu["throttled_time"],
		rss: stat["total_rss"], cache: stat["total_cache"], mapped: stat["total_mapped_file"], swap: stat["total_swap"],
		pageFaults: stat["total_pgfault"], majorPageFaults: stat["total_pgmajfault"],
	}
	u.cpu, u.found = number(c.file("cpuacct", path, "cpuacct.usage"))
	u.memory, _ = number(c.file("memory", path, "memory.usage_in_bytes"))
	u.workingSet = less(u.memory, stat["total_inactive_file"])
	u.maxMemory, _ = number(c.file("memory", path, "memory.max_usage_in_bytes"))
	u.memoryFailures, _ = number(c.file("memory", path, "memory.failcnt"))
	if limit, _ := number(c.file("memory", path, "memory.limit_in_bytes")); limit < unlimited {
		u.memoryLimit = limit
	}
	u.processes, _ = number(c.file("pids", path, "pids.current"))
	return u
}

// firstProcess returns one process of the cgroup.
func (c cgroups) firstProcess(path string) (pid string, ok bool) {
	data, err := os.ReadFile(c.file("memory", path, "cgroup.procs"))
	if err != nil {
		return "", false
	}
	pid, _, _ = strings.Cut(string(data), "\n")
	return pid, pid != "" && pid != "0"
}

func less(value, minus uint64) uint64 {
	if value < minus {
		return 0
	}
	return value - minus
}

// number reads a file that holds one number.
func number(name string) (uint64, bool) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	value, err := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
	return value, err == nil
}

// table reads a file of "name value" lines. A file that is not there is empty.
func table(name string) map[string]uint64 {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	values := map[string]uint64{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if value, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
			values[strings.TrimSuffix(fields[0], ":")] = value
		}
	}
	return values
}
