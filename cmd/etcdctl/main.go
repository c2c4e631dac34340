// Command etcdctl is etcd's client, with the commands that later versions have moved into etcdutl: snapshot restore and
// snapshot status.
package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
)

func main() {
	if !isOffline(os.Args[1:]) {
		ctlv3.MustStart()
		return
	}
	root := &cobra.Command{Use: "etcdctl", SilenceUsage: true}
	root.PersistentFlags().StringVarP(&etcdutl.OutputFormat, "write-out", "w", "simple", "set the output format (fields, json, protobuf, simple, table)")
	root.AddCommand(etcdutl.NewSnapshotCommand())
	if root.Execute() != nil {
		os.Exit(1)
	}
}

// isOffline tells whether a command is about the file of a snapshot and no server.
func isOffline(args []string) bool {
	i := slices.Index(args, "snapshot")
	return i >= 0 && slices.ContainsFunc(args[i:], func(arg string) bool { return arg == "restore" || arg == "status" })
}
