package certificates

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// Command is about the certificates of dataDir, unless a flag names another folder.
func Command(s process.Streams, dataDir string) *cobra.Command {
	command := &cobra.Command{Use: "certificate", Short: "List the certificates of this machine, and make kubeconfigs for others"}
	command.PersistentFlags().StringVar(&dataDir, "data-dir", dataDir, "data folder of the server, or of the agent")
	command.AddCommand(
		&cobra.Command{
			Use: "list", Aliases: []string{"ls"}, Short: "List the certificates, the one that ends first on top", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				all, err := read(dataDir)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(s.Out, 0, 8, 3, ' ', 0)
				fmt.Fprintln(table, "NAME\tSUBJECT\tSIGNED BY\tEXPIRES\tLEFT")
				for _, one := range all {
					fmt.Fprintln(table, one.row(time.Now()))
				}
				return table.Flush()
			},
		},
		createCommand(s, &dataDir),
	)
	return command
}

func createCommand(s process.Streams, dataDir *string) *cobra.Command {
	user := newUser{}
	command := &cobra.Command{
		Use: "create USER", Short: "Print a kubeconfig with a client certificate for a user", Args: cobra.ExactArgs(1),
		Long: `Print a kubeconfig with a client certificate for a user.

What the user may do is said by RoleBindings and ClusterRoleBindings to the user or its groups. A certificate cannot be taken
back: it is believed until it ends.`,
		RunE: func(_ *cobra.Command, args []string) error {
			user.name = args[0]
			text, err := user.kubeconfig(*dataDir)
			if err != nil {
				return err
			}
			_, err = s.Out.Write(text)
			return err
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&user.groups, "groups", nil, "groups that the user belongs to")
	flags.DurationVar(&user.life, "ttl", 24*time.Hour, "how long it can be used")
	flags.StringVar(&user.server, "server", "", "URL of the API server (default that of the administrator's kubeconfig)")
	return command
}
