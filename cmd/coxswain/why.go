package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/serving"
	"github.com/coxswain-k8s/coxswain/cluster/why"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// whyCommand says why a pod is as it is.
func whyCommand(s process.Streams) *cobra.Command {
	var kubeconfig, namespace string
	command := &cobra.Command{
		Use: "why [pod/]NAME", Short: "Say why a pod is pending, crashing, not ready, evicted or not ending, and what would help",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(command *cobra.Command, args []string) error {
			name, err := podNamed(args)
			if err != nil {
				return err
			}
			config, current, err := local.ClientConfig(kubeconfig)
			if err != nil {
				return err
			}
			text, err := explain(command.Context(), config, client.ObjectKey{Namespace: cmp.Or(namespace, current), Name: name})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(s.Out, text)
			return err
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig (default $KUBECONFIG, or that of this machine's server)")
	command.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace of the pod (default that of the kubeconfig's context)")
	return command
}

// podNamed reads pod/NAME, pod NAME or NAME.
func podNamed(args []string) (string, error) {
	kind, name, slash := strings.Cut(args[0], "/")
	switch {
	case slash && len(args) == 1:
	case !slash && len(args) == 2:
		name = args[1]
	case !slash:
		kind, name = "pod", args[0]
	default:
		return "", fmt.Errorf("%q: give one pod, as pod/NAME", strings.Join(args, " "))
	}
	if kind = strings.ToLower(kind); kind != "pod" && kind != "pods" && kind != "po" {
		return "", fmt.Errorf("%q: only pods can be explained", kind)
	}
	if name == "" {
		return "", fmt.Errorf("%q: the name is missing", args[0])
	}
	return name, nil
}

// explain asks with the rights of the caller.
func explain(ctx context.Context, config *rest.Config, key client.ObjectKey) (string, error) {
	config.WarningHandlerWithContext = rest.NoWarnings{}
	reads, err := client.New(config, client.Options{})
	if err != nil {
		return "", fmt.Errorf("calling the API server: %w", err)
	}
	reader := &why.Reader{Client: reads, Config: config, SchedulerPath: serving.ExplainPath}
	facts, err := reader.Pod(ctx, key)
	if err != nil {
		return "", err
	}
	return why.Text(facts), nil
}
