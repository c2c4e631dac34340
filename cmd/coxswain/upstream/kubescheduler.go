package upstream

import (
	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/standalone"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// schedulerCommand is kube-scheduler.
func schedulerCommand(s process.Streams) *cobra.Command {
	scheduler := standalone.DefaultScheduler()
	command := &cobra.Command{Use: "kube-scheduler", Short: "Be kube-scheduler, with its flags", Args: cobra.NoArgs}
	flags := command.Flags()
	addProgramFlags(flags, &scheduler.Program)
	flags.StringVar(&scheduler.Config, "config", "", "file with a KubeSchedulerConfiguration")
	without := upstreamFlags{bools: componentBools, values: componentValues + "pod-max-in-unschedulable-pods-duration", only: componentOnly(), refused: componentRefused(),
		checked: map[string]func(string) error{"feature-gates": options.ValidateSchedulerGates}}
	given := without.add(flags)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := scheduler.Complete(flags.Changed); err != nil {
			return err
		}
		return runBeside(command, s, scheduler, *given)
	}
	return versioned(command, s)
}
