package main

import (
	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/flagset"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// serverCommand runs a one-machine cluster until a signal ends it.
func serverCommand(s process.Streams) *cobra.Command {
	options := cluster.Default()
	var configFile string
	command := &cobra.Command{
		Use:   "server",
		Short: "Run a cluster: control plane and this machine's node",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := flagset.ReadConfig(configFile, &options, command.Flags()); err != nil {
				return err
			}
			options.Flags = flagset.Values(command.Flags())
			return process.Serve(command.Context(), s, options)
		},
	}
	command.Flags().StringVar(&configFile, "config", "", "file with the same keys in YAML; flags win")
	flagset.AddServer(command.Flags(), &options)
	return command
}
