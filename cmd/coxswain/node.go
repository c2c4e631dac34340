package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/fleet"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// nodeCommand makes nodes fail, for tests of that, and brings them back.
func nodeCommand(s process.Streams) *cobra.Command {
	dir := ""
	command := &cobra.Command{Use: "node", Short: "Stop, freeze or cut off nodes that up started, and bring them back"}
	addClustersFlag(command.PersistentFlags(), &dir)
	change := func(verb, short string, do func(*fleet.Node) error) *cobra.Command {
		return &cobra.Command{Use: verb + " NAME...", Short: short, Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, names []string) error {
			clusters, err := clustersDir(dir)
			if err != nil {
				return err
			}
			var all error
			for _, name := range names {
				node, err := fleet.OpenNode(clusters, name)
				if err == nil {
					err = do(node)
				}
				all = errors.Join(all, err)
			}
			return all
		}}
	}
	command.AddCommand(
		change("stop", "Switch nodes off, with everything that runs on them", (*fleet.Node).Stop),
		change("pause", "Freeze everything that runs on nodes", (*fleet.Node).Pause),
		change("partition", "Take nodes off the network", (*fleet.Node).Partition),
		change("start", "Bring nodes back that were stopped, paused or cut off, or that failed", (*fleet.Node).Start),
		nodeListCommand(s, &dir),
	)
	return command
}

func nodeListCommand(s process.Streams, dir *string) *cobra.Command {
	return &cobra.Command{Use: "list [CLUSTER...]", Aliases: []string{"ls"}, Short: "List nodes and what they do", RunE: func(_ *cobra.Command, names []string) error {
		clusters, err := clustersDir(*dir)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			names = fleet.Names(clusters)
		}
		table := tabwriter.NewWriter(s.Out, 0, 0, 3, ' ', 0)
		fmt.Fprintln(table, "NAME\tCLUSTER\tRUNS\tADDRESS\tSTATE")
		for _, name := range names {
			f, err := fleet.Open(clusters, name)
			if err != nil {
				return err
			}
			for _, n := range f.Nodes() {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", n.Name(), name, strings.Join(n.Roles(), ","), n.IP(), n.State())
			}
		}
		return table.Flush()
	}}
}
