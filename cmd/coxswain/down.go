package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/fleet"
)

// downCommand removes what upCommand made.
func downCommand(s streams) *cobra.Command {
	name, dir := "dev", ""
	command := &cobra.Command{
		Use: "down", Short: "Remove a cluster that up started, and every trace of it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := (&fleet.Spec{Name: name, Nodes: 1, Servers: 1}).Validate(); err != nil {
				return err
			}
			clusters, err := clustersDir(dir)
			if err != nil {
				return err
			}
			there, err := fleet.Down(clusters, name)
			if err != nil {
				return err
			}
			if !there {
				fmt.Fprintf(s.err, "there is no cluster %s\n", name)
			}
			return nil
		},
	}
	command.Flags().StringVar(&name, "name", name, "name of the cluster")
	addClustersFlag(command.Flags(), &dir)
	return command
}
