package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// checkCommand says whether this machine can run a node.
func checkCommand(s process.Streams) *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Say whether this machine can run a node, and what it lacks", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := node.CheckMachine(cluster.Default()); err != nil {
				return err
			}
			_, err := fmt.Fprintln(s.Out, "this machine can run a node")
			return err
		},
	}
}
