package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/certificates"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
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
	root.AddCommand(
		serverCommand(s), agentCommand(s), tokenCommand(s), certificates.Command(s, local.DataDir()), snapshotCommand(s),
		upCommand(s), downCommand(s), nodeCommand(s), importCommand(s),
		kubectlCommand(), etcdctlCommand(), imageCommand(s), whyCommand(s),
		checkCommand(s), versionCommand(s),
	)
	root.AddCommand(programs...)
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; `%s --help` lists the flags", err, command.CommandPath())
	})
	showUsage(root)
	root.SetArgs(args[1:])
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	return root.ExecuteContext(ctx)
}

// showUsage has a command, and those below it, say how it is called when its arguments are wrong.
func showUsage(command *cobra.Command) {
	if check := command.Args; check != nil {
		command.Args = func(command *cobra.Command, args []string) error {
			if err := check(command, args); err != nil {
				return fmt.Errorf("%w; usage: %s", err, command.UseLine())
			}
			return nil
		}
	}
	for _, below := range command.Commands() {
		showUsage(below)
	}
}

// versionCommand tells what was built, and for what.
func versionCommand(s process.Streams) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(s.Out, "coxswain", version.Version, version.Info().GoVersion, version.Info().Platform)
			return err
		},
	}
}
