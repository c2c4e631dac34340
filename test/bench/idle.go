package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// idleCosts lets the cluster rest and reads from /proc what that has cost.
func idleCosts(cluster *env.Cluster) error {
	time.Sleep(10 * time.Second) // what was deleted last is still being removed
	pid := cluster.PID()
	cpu, err := ticks(pid)
	if err != nil {
		return err
	}
	written, err := field(pid, "io", "write_bytes:")
	if err != nil {
		return err
	}
	time.Sleep(idle)
	later, err := ticks(pid)
	if err != nil {
		return err
	}
	after, err := field(pid, "io", "write_bytes:")
	if err != nil {
		return err
	}
	resident, err := field(pid, "status", "VmRSS:")
	if err != nil {
		return err
	}
	anonymous, err := field(pid, "status", "RssAnon:")
	if err != nil {
		return err
	}
	fmt.Printf("%-58s %d MiB resident, %d MiB of it anonymous\n", "memory of the server, idle", resident>>10, anonymous>>10)
	fmt.Printf("%-58s %.2f %% of a core\n", "CPU of the server, idle for "+idle.String(), float64(later-cpu)/idle.Seconds())
	fmt.Printf("%-58s %d KiB\n", "written to disk in that time", (after-written)>>10)
	return nil
}

// ticks of CPU that a process has used; there are 100 in a second.
func ticks(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, behind, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(behind)
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return user + system, err
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
