package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/containerd"
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// kubectlCommand is kubectl, with the administrator's kubeconfig of this machine's cluster unless another one
// is named.
func kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kubectl", Short: "Control the cluster", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			kubectl, err := carried("kubectl", args)
			if err != nil {
				return err
			}
			kubeconfig := filepath.Join(dataDir(), "admin.kubeconfig")
			if _, err := os.Stat(kubeconfig); err == nil && os.Getenv("KUBECONFIG") == "" {
				kubectl.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
			}
			return become(kubectl)
		},
	}
}

// imageCommand imports, lists and removes images of this machine's containerd.
func imageCommand(s process.Streams) *cobra.Command {
	command := &cobra.Command{Use: "image", Short: "Import, list and remove container images"}
	ctr := func(use, short string, arguments cobra.PositionalArgs, words ...string) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: arguments, RunE: func(command *cobra.Command, args []string) error {
			dir, err := programs.Unpacked(datadir.Programs(dataDir()))
			if err != nil {
				return err
			}
			runtime := containerd.Runtime{Programs: dir, State: node.RuntimeState}
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

// carried is a command of a program that this executable carries.
func carried(name string, args []string) (*exec.Cmd, error) {
	dir, err := programs.Unpacked(datadir.Programs(dataDir()))
	if err != nil {
		return nil, err
	}
	return exec.Command(filepath.Join(dir, name), args...), nil
}

// become turns this process into the program: its terminal, signals, memory and exit code are the program's own, and
// whoever kills the process leaves nothing behind. It returns only when that fails.
func become(command *exec.Cmd) error {
	if command.Err != nil {
		return command.Err
	}
	return syscall.Exec(command.Path, command.Args, command.Environ())
}

// dataDir of the cluster that the commands of this machine are about: $COXSWAIN_DATA_DIR or the default one. A user
// who cannot write there keeps unpacked programs in a cache folder of their own.
func dataDir() string {
	if dir := os.Getenv("COXSWAIN_DATA_DIR"); dir != "" {
		return dir
	}
	dir := cluster.Default().DataDir
	if os.Geteuid() == 0 {
		return dir
	}
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "coxswain")
	}
	return dir
}
