package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/agent"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/flagset"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// agentCommand runs a node of a cluster until a signal ends it.
func agentCommand(s process.Streams) *cobra.Command {
	options := options.DefaultAgent()
	var configFile string
	command := &cobra.Command{
		Use:   "agent --server https://ADDRESS:6443 --token TOKEN",
		Short: "Run this machine as a node of a cluster whose server is elsewhere",
		Long: `Run this machine as a node of a cluster whose server is elsewhere.

The token is what DIR/token of the server's data folder says, or what "coxswain token create" prints. It is needed once: a
machine that has joined knows the cluster, and the cluster knows it.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := flagset.ReadConfig(configFile, &options, command.Flags()); err != nil {
				return err
			}
			options.Flags = flagset.Values(command.Flags())
			started := time.Now()
			ctx := process.WithLogger(command.Context(), s.Err)
			running, err := agent.Start(ctx, options)
			if err != nil {
				return err
			}
			select {
			case <-running.Ready():
				fmt.Fprintf(s.Err, "ready in %d ms\n", time.Since(started).Milliseconds())
			case <-running.Done():
			}
			return running.Wait()
		},
	}
	flags := command.Flags()
	flags.StringVar(&configFile, "config", "", "file with the same keys in YAML; flags win")
	flags.StringSliceVar(&options.Servers, "server", options.Servers, "URLs of API servers; those that the cluster names are added and remembered")
	flags.StringVar(&options.Token, "token", options.Token, "token to join with: abcdef.0123456789abcdef, or K10<hash>::abcdef.0123456789abcdef, which also pins the cluster's authority")
	flags.StringSliceVar(&options.CACertHashes, "discovery-token-ca-cert-hash", options.CACertHashes, "hash of the public key of the cluster's authority, sha256:<64 hexadecimal digits>")
	flags.StringSliceVar(&options.Disable, "disable", options.Disable, "parts to leave out: dns, local-storage, network, proxy")
	flagset.AddNode(flags, &options.NodeOptions)
	return command
}
