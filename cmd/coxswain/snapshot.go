package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/state"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// snapshotCommand saves, lists and restores the whole state of a cluster.
func snapshotCommand(s process.Streams) *cobra.Command {
	var folder string
	command := &cobra.Command{Use: "etcd-snapshot", Short: "Save, list and restore the state of the cluster"}
	command.PersistentFlags().StringVar(&folder, "data-dir", local.DataDir(), "data folder of the server")
	snapshots := func() (*state.Snapshots, error) { return snapshotsOf(folder) }
	command.AddCommand(saveSnapshotCommand(s, snapshots), listSnapshotsCommand(s, snapshots), restoreSnapshotCommand(s, snapshots))
	return command
}

// snapshotsOf are those of the server that keeps its state in the folder.
func snapshotsOf(folder string) (*state.Snapshots, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding this machine's host name: %w", err)
	}
	absolute, err := filepath.Abs(folder)
	return &state.Snapshots{DataDir: absolute, NodeName: name}, err
}

func saveSnapshotCommand(s process.Streams, snapshots func() (*state.Snapshots, error)) *cobra.Command {
	return &cobra.Command{
		Use: "save [FILE]", Short: "Take a snapshot of the running server", Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			all, err := snapshots()
			if err != nil {
				return err
			}
			taken, err := all.Save(command.Context(), append(args, "")[0], time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.Out, "saved %s: revision %d, %d keys, %d bytes\n", taken.Path, taken.Revision, taken.Keys, taken.Size)
			return err
		},
	}
}

func listSnapshotsCommand(s process.Streams, snapshots func() (*state.Snapshots, error)) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the snapshots of the data folder", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			all, err := snapshots()
			if err != nil {
				return err
			}
			list, err := all.List(command.Context())
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(s.Out, 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "NAME\tTAKEN\tREVISION\tKEYS\tSIZE")
			for _, one := range list {
				fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\n", filepath.Base(one.Path), one.Taken.UTC().Format(time.RFC3339), one.Revision, one.Keys, one.Size)
			}
			return table.Flush()
		},
	}
}

func restoreSnapshotCommand(s process.Streams, snapshots func() (*state.Snapshots, error)) *cobra.Command {
	return &cobra.Command{
		Use: "restore NAME|FILE", Short: "Put a snapshot in the place of a stopped server's state", Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
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
		},
	}
}
