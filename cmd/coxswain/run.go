package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/certificates"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/upstream"
)

// run is the program: args as in os.Args. Under another program's name it is that program.
func run(ctx context.Context, args []string, s process.Streams) error {
	programs := upstream.Commands(s)
	args = upstream.CalledAs(args, programs)
	root := &cobra.Command{
		Use:           "coxswain",
		Short:         "A whole Kubernetes cluster in one program",
		Long:          "Coxswain serves the Kubernetes API and runs its controllers, scheduler, kubelet and service proxy in one process.",
		SilenceErrors: true, SilenceUsage: true, Version: version.Version,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(serverCommand(s), agentCommand(s), tokenCommand(s), imageCommand(s), kubectlCommand(), etcdctlCommand(), snapshotCommand(s), checkCommand(s), versionCommand(s), whyCommand(s))
	root.AddCommand(certificates.Command(s, dataDir()), upCommand(s), downCommand(s), nodeCommand(s), importCommand(s))
	root.AddCommand(programs...)
	root.SetArgs(args[1:])
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	return root.ExecuteContext(ctx)
}
