package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/state"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// snapshotCommand saves, lists and restores the whole state of a cluster.
func snapshotCommand(s process.Streams) *cobra.Command {
	var folder string
	snapshots := func() (*state.Snapshots, error) {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("finding this machine's host name: %w", err)
		}
		absolute, err := filepath.Abs(folder)
		return &state.Snapshots{DataDir: absolute, NodeName: name}, err
	}
	command := &cobra.Command{Use: "etcd-snapshot", Short: "Save, list and restore the state of the cluster"}
	command.PersistentFlags().StringVar(&folder, "data-dir", dataDir(), "data folder of the server")
	command.AddCommand(
		&cobra.Command{Use: "save [FILE]", Short: "Take a snapshot of the running server", Args: cobra.MaximumNArgs(1), RunE: func(command *cobra.Command, args []string) error {
			all, err := snapshots()
			if err != nil {
				return err
			}
			taken, err := all.Save(command.Context(), append(args, "")[0], time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "saved %s: revision %d, %d keys, %d bytes\n", taken.Path, taken.Revision, taken.Keys, taken.Size)
			return nil
		}},
		&cobra.Command{Use: "ls", Short: "List the snapshots of the data folder", Args: cobra.NoArgs, RunE: func(command *cobra.Command, _ []string) error {
			all, err := snapshots()
			if err != nil {
				return err
			}
			list, err := all.List(command.Context())
			if err != nil {
				return err
			}
			out := tabwriter.NewWriter(s.Out, 0, 8, 3, ' ', 0)
			fmt.Fprintln(out, "NAME\tTAKEN\tREVISION\tKEYS\tSIZE")
			for _, one := range list {
				fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\n", filepath.Base(one.Path), one.Taken.UTC().Format(time.RFC3339), one.Revision, one.Keys, one.Size)
			}
			return out.Flush()
		}},
		&cobra.Command{Use: "restore FILE", Short: "Put a snapshot in the place of a stopped server's state", Args: cobra.ExactArgs(1), RunE: func(command *cobra.Command, args []string) error {
			all, err := snapshots()
			if err != nil {
				return err
			}
			old, err := all.Restore(command.Context(), args[0], time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "restored %s; start the server again\n", args[0])
			if old != "" {
				fmt.Fprintf(s.Out, "the state until now is kept in %s\n", old)
			}
			return nil
		}},
	)
	return command
}
