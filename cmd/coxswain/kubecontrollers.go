package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// controllerManagerCommand is kube-controller-manager.
func controllerManagerCommand(s streams) *cobra.Command {
	return inside(s, "kube-controller-manager", "the controllers run", "kube-apiserver --controllers=*")
}

// schedulerCommand is kube-scheduler.
func schedulerCommand(s streams) *cobra.Command {
	return inside(s, "kube-scheduler", "the scheduler runs", "kube-apiserver --simulate-nodes=1")
}

// inside is a program that is a part of the server here.
func inside(s streams, name, part, other string) *cobra.Command {
	command := &cobra.Command{
		Use: name, Short: "Say where " + part, FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("%s: %s inside of `coxswain server`, and of `%s`; there is nothing to start beside it", name, part, other)
		},
	}
	return versioned(command, s)
}
