package upstream

import (
	"strings"

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
	flags.Var(&gates{of: &scheduler.FeatureGates}, "feature-gates", "features to switch, name=true or name=false: ComponentStatusz, ComponentFlagz; upstream's others have no effect")
	without := upstreamFlags{bools: componentBools, values: componentValues + "pod-max-in-unschedulable-pods-duration", only: componentOnly(), refused: componentRefused()}
	given := without.add(flags)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := scheduler.Complete(flags.Changed); err != nil {
			return err
		}
		return runBeside(command, s, &scheduler.Program, scheduler, *given)
	}
	return versioned(command, s)
}

// gates are the scheduler's feature gates, which refuses what it does not know in words of its own.
type gates struct {
	of   *map[string]string
	text string
}

// String implements pflag.Value.
func (g *gates) String() string { return g.text }

// Type implements pflag.Value.
func (g *gates) Type() string { return "mapStringBool" }

// Set implements pflag.Value. The flag may be given several times.
func (g *gates) Set(value string) error {
	text := strings.Trim(g.text+","+value, ",")
	all, err := options.SchedulerGates(text)
	if err != nil {
		return err
	}
	g.text, *g.of = text, all
	return nil
}
