package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/version"
)

// streams are the standard ones of the process, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is the program: args as in os.Args. Under another program's name it is that program.
func run(ctx context.Context, args []string, s streams) error {
	programs := personalities(s)
	args = calledAs(args, programs)
	root := &cobra.Command{
		Use:           "coxswain",
		Short:         "A whole Kubernetes cluster in one program",
		Long:          "Coxswain serves the Kubernetes API and runs its controllers, scheduler, kubelet and service proxy in one process.",
		SilenceErrors: true, SilenceUsage: true, Version: version.Version,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(serverCommand(s), agentCommand(s), tokenCommand(s), imageCommand(s), kubectlCommand(), etcdctlCommand(), snapshotCommand(s), checkCommand(s), versionCommand(s), whyCommand(s))
	root.AddCommand(upCommand(s), downCommand(s), nodeCommand(s), importCommand(s))
	root.AddCommand(programs...)
	root.SetArgs(args[1:])
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	return root.ExecuteContext(ctx)
}
