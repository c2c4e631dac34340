package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: plugin FILE, which is what `coxswain server --config` takes")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
}

// Run runs the server that a file describes until ctx ends.
func run(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	options := cluster.Default()
	if err := yaml.UnmarshalStrict(data, &options); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	running, err := cluster.Start(ctx, withBerths(options))
	if err != nil {
		return err
	}
	return running.Wait()
}

// withBerths is all it takes: SchedulerConfig names the plugin in a profile.
func withBerths(options cluster.Options) cluster.Options {
	options.SchedulerPlugins = plugins.Registry{berthsName: newBerths}
	return options
}
