package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

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
			kubectl.Env = append(os.Environ(), kubectlEnvironment(args)...)
			return become(kubectl)
		},
	}
}

// kubectlEnvironment leaves who names a cluster alone. Others get this machine's, and are told how to come by one where none answers.
func kubectlEnvironment(args []string) []string {
	if os.Getenv("KUBECONFIG") != "" {
		return nil
	}
	kubeconfig, advice := ownKubeconfig(dataDir())
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

// ownKubeconfig is the administrator's of the cluster of a data folder: of its server, or else of the only cluster that up started there. The
// advice is for those whom no server answers.
func ownKubeconfig(dir string) (kubeconfig, advice string) {
	server := filepath.Join(dir, "admin.kubeconfig")
	if _, err := os.Stat(server); err == nil {
		return server, "The cluster of this machine is not running, by " + server + ": `coxswain server` starts it."
	}
	several, _ := filepath.Glob(filepath.Join(dir, "clusters", "*", "admin.kubeconfig"))
	switch {
	case len(several) == 1:
		return several[0], "The cluster that `coxswain up` started is not running, by " + several[0] + ": `coxswain node list` shows its nodes."
	case len(several) > 1:
		return "", "There are several clusters of this machine: set KUBECONFIG to one of " + strings.Join(several, ", ") + "."
	}
	advice = "There is no cluster in " + dir + ": start one with `coxswain server`, say where it is with COXSWAIN_DATA_DIR, or set KUBECONFIG to the kubeconfig of another."
	if usual := cluster.Default().DataDir; dir != usual && os.Geteuid() != 0 {
		if _, err := os.Stat(usual); err == nil {
			advice += " That in " + usual + " is root's: use sudo."
		}
	}
	return "", advice
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
