package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Memory of processes, in bytes.
type Memory struct{ Resident, Anonymous int }

// Usage is what processes have consumed since they began.
type Usage struct {
	CPU     time.Duration
	Written int // bytes that went to disk
}

// Since is what was consumed after an earlier reading.
func (u Usage) Since(earlier Usage) Usage {
	return Usage{CPU: u.CPU - earlier.CPU, Written: u.Written - earlier.Written}
}

// ReadMemory sums up the memory of processes.
func ReadMemory(pids ...int) (Memory, error) {
	var sum Memory
	for _, pid := range pids {
		resident, err := field(pid, "status", "VmRSS:")
		if err != nil {
			return Memory{}, err
		}
		anonymous, err := field(pid, "status", "RssAnon:")
		if err != nil {
			return Memory{}, err
		}
		sum.Resident += resident << 10
		sum.Anonymous += anonymous << 10
	}
	return sum, nil
}

// Growth says by how much the resident memory of processes grew at most while something was done, each for itself: the sum
// is what a machine needs for it. The kernel keeps the highest value and is asked to forget the one before.
func Growth(do func() error, pids ...int) (int, error) {
	before, err := ReadMemory(pids...)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			return 0, err
		}
	}
	if err := do(); err != nil {
		return 0, err
	}
	most := 0
	for _, pid := range pids {
		peak, err := field(pid, "status", "VmHWM:")
		if err != nil {
			return 0, err
		}
		most += peak << 10
	}
	return most - before.Resident, nil
}

// ReadUsage sums up what processes have consumed.
func ReadUsage(pids ...int) (Usage, error) {
	var sum Usage
	for _, pid := range pids {
		cpu, err := cpuTime(pid)
		if err != nil {
			return Usage{}, err
		}
		written, err := field(pid, "io", "write_bytes:")
		if err != nil {
			return Usage{}, err
		}
		sum.CPU += cpu
		sum.Written += written
	}
	return sum, nil
}

// cpuTime that a process has used in all its threads, by the clock that the kernel has of each process: it counts nanoseconds, where
// /proc counts hundredths of a second.
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // what a thread or process was given, in user and kernel mode
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &used); err != nil {
		return 0, fmt.Errorf("reading the CPU time of %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// field of a file of /proc, a number.
func field(pid int, file, name string) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/%s", name, pid, file)
}
