package main

import (
	"context"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// settle is how long a cluster is left alone before it is called idle.
const settle = 10 * time.Second

func idling() scenario {
	return scenario{
		name: "idle", title: "Doing nothing",
		about: "An empty cluster, 10 seconds after it is ready, left alone for half a minute. Sums over all processes: one of Coxswain's, four of upstream's.",
		run: func(ctx context.Context, t *turn) error {
			if err := pause(ctx, settle); err != nil {
				return err
			}
			before, err := load.ReadUsage(t.PIDs()...)
			if err != nil {
				return err
			}
			if err := pause(ctx, t.size.idle); err != nil {
				return err
			}
			after, err := load.ReadUsage(t.PIDs()...)
			if err != nil {
				return err
			}
			used := after.Since(before)
			t.record(figure{what: "CPU", unit: percent, value: used.CPU.Seconds() / t.size.idle.Seconds() * 100})
			t.record(figure{what: "written to disk in " + t.size.idle.String(), unit: kibibytes, value: float64(used.Written) / 1024})
			return t.recordMemory("memory, idle")
		},
	}
}

// recordMemory records what the processes hold.
func (t *turn) recordMemory(what string) error {
	memory, err := load.ReadMemory(t.PIDs()...)
	if err != nil {
		return err
	}
	t.record(figure{what: what + ", resident", unit: mebibytes, value: float64(memory.Resident) / (1 << 20)})
	t.record(figure{what: what + ", anonymous", unit: mebibytes, value: float64(memory.Anonymous) / (1 << 20)})
	return nil
}

// pause lets time pass, which is what is measured.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
