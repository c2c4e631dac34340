package main

import (
	"fmt"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/env"
)

// idleCosts lets the cluster rest and reads from /proc what that has cost.
func idleCosts(cluster *env.Cluster) error {
	time.Sleep(10 * time.Second) // what was deleted last is still being removed
	before, err := load.ReadUsage(cluster.PID())
	if err != nil {
		return err
	}
	time.Sleep(idle)
	after, err := load.ReadUsage(cluster.PID())
	if err != nil {
		return err
	}
	memory, err := load.ReadMemory(cluster.PID())
	if err != nil {
		return err
	}
	used := after.Since(before)
	fmt.Printf("%-58s %d MiB resident, %d MiB of it anonymous\n", "memory of the server, idle", memory.Resident>>20, memory.Anonymous>>20)
	fmt.Printf("%-58s %.2f %% of a core\n", "CPU of the server, idle for "+idle.String(), used.CPU.Seconds()/idle.Seconds()*100)
	fmt.Printf("%-58s %d KiB\n", "written to disk in that time", used.Written>>10)
	return nil
}
