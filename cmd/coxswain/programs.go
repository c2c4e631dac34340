package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/coxswain-k8s/coxswain/cluster/containerd"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// kubectlCommand is kubectl, with the administrator's kubeconfig of this machine's cluster unless another one
// is named.
func kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kubectl", Short: "Control the cluster", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			kubectl, err := local.Program("kubectl", args)
			if err != nil {
				return err
			}
			kubectl.Env = append(os.Environ(), kubectlEnvironment(args)...)
			return local.Become(kubectl)
		},
	}
}

// kubectlEnvironment leaves who names a cluster alone. Others get this machine's, and are told how to come by one where none answers.
func kubectlEnvironment(args []string) []string {
	if os.Getenv("KUBECONFIG") != "" {
		return nil
	}
	kubeconfig, advice := local.Kubeconfig()
	var environment []string
	if kubeconfig != "" {
		environment = append(environment, "KUBECONFIG="+kubeconfig)
	} else if _, err := os.Stat(clientcmd.RecommendedHomeFile); err == nil {
		return nil
	}
	for _, flag := range []string{"--kubeconfig", "--server", "-s"} {
		if slices.ContainsFunc(args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") }) {
			return environment
		}
	}
	return append(environment, programs.RefusedAdvice+"="+advice)
}

// imageCommand imports, lists and removes images of this machine's containerd.
func imageCommand(s process.Streams) *cobra.Command {
	command := &cobra.Command{Use: "image", Short: "Import, list and remove container images"}
	ctr := func(use, short string, arguments cobra.PositionalArgs, words ...string) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: arguments, RunE: func(command *cobra.Command, args []string) error {
			dir, err := local.Programs()
			if err != nil {
				return err
			}
			runtime := containerd.Runtime{Programs: dir, State: node.RuntimeState}
			if err := checkListens(runtime.Socket()); err != nil {
				return err
			}
			ctr := runtime.CtrCommand(command.Context(), append(append([]string{"images"}, words...), args...)...)
			ctr.Stdin, ctr.Stdout, ctr.Stderr = s.In, s.Out, s.Err
			return ctr.Run()
		}}
	}
	command.AddCommand(
		ctr("import FILE", "Import an OCI or Docker archive", cobra.ExactArgs(1), "import", "--local"),
		ctr("ls", "List images", cobra.NoArgs, "ls"),
		ctr("rm NAME...", "Remove images", cobra.MinimumNArgs(1), "rm"),
	)
	return command
}

// checkListens says what to do when no container runtime has made its socket.
func checkListens(socket string) error {
	_, err := os.Stat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the container runtime: there is no %s: start `coxswain server` or `coxswain agent` first", socket)
	}
	return err
}
