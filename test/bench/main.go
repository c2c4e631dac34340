package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/env"
)

const (
	octet  = 66
	starts = 5
	idle   = 30 * time.Second
	pods   = 20
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("it starts containers and needs root")
	}
	fmt.Printf("%-58s %s\n", "what", "median (min to max)")
	if err := coldStart(ctx); err != nil {
		return fmt.Errorf("measuring the cold start: %w", err)
	}
	cluster, err := env.NewCluster(ctx, octet)
	if err != nil {
		return err
	}
	defer func() {
		if err := cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: removing the cluster:", err)
		}
	}()
	if err := podStart(ctx, cluster); err != nil {
		return fmt.Errorf("measuring the start of pods: %w", err)
	}
	if err := idleCosts(cluster); err != nil {
		return fmt.Errorf("measuring what idling costs: %w", err)
	}
	if err := apiLoad(ctx, cluster); err != nil {
		return fmt.Errorf("measuring the API under load: %w", err)
	}
	return nil
}

// coldStart measures from the start of the process to its readiness, each time with an empty data folder.
func coldStart(ctx context.Context) error {
	var ready, stop []time.Duration
	for range starts {
		cluster, err := env.NewCluster(ctx, octet)
		if err != nil {
			return err
		}
		ready = append(ready, cluster.StartTook)
		took, err := cluster.Stop(syscall.SIGTERM)
		if err != nil {
			return errors.Join(err, cluster.Close())
		}
		stop = append(stop, took)
		if err := cluster.Close(); err != nil {
			return err
		}
	}
	print("cold start, process to /readyz (empty data folder)", ready)
	print("stop on SIGTERM", stop)
	return nil
}

// print writes one row of durations.
func print(what string, all []time.Duration) {
	sorted := load.Sorted(all)
	round := func(d time.Duration) time.Duration {
		if d < 10*time.Millisecond {
			return d.Round(10 * time.Microsecond)
		}
		return d.Round(time.Millisecond)
	}
	fmt.Printf("%-58s %v (%v to %v)\n", what, round(sorted.Percentile(50)), round(sorted[0]), round(sorted[len(sorted)-1]))
}
