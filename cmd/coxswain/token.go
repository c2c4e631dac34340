package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/tools/clientcmd"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/util/secrets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// tokenCommand manages the tokens with which nodes join.
func tokenCommand(s process.Streams) *cobra.Command {
	var kubeconfig string
	command := &cobra.Command{Use: "token", Short: "Create, list and delete the tokens with which nodes join"}
	command.PersistentFlags().StringVar(&kubeconfig, "kubeconfig", "", "administrator's kubeconfig (default $KUBECONFIG, or that of this machine's server)")
	access := func() (*tokens, error) { return newTokens(kubeconfig) }
	command.AddCommand(createTokenCommand(s, access), listTokensCommand(s, access), deleteTokensCommand(s, access), &cobra.Command{
		Use: "generate", Short: "Print a random token, which no cluster knows yet", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			token, err := join.NewToken()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, token)
			return err
		},
	})
	return command
}

// tokens are the bootstrap tokens of a cluster.
type tokens struct {
	client client.Client
}

func newTokens(kubeconfig string) (*tokens, error) {
	config, _, err := local.ClientConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	made, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("calling the API server: %w", err)
	}
	return &tokens{client: made}, nil
}

// newToken is what a token that is to be created says.
type newToken struct {
	ttl            time.Duration
	description    string
	usages, groups []string
	join           bool
}

func createTokenCommand(s process.Streams, access func() (*tokens, error)) *cobra.Command {
	n := newToken{}
	command := &cobra.Command{
		Use: "create [TOKEN]", Short: "Create a token, a random one unless it is given", Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			t, err := access()
			if err != nil {
				return err
			}
			return t.create(command.Context(), s.Out, n, args)
		},
	}
	flags := command.Flags()
	flags.DurationVar(&n.ttl, "ttl", 24*time.Hour, "how long it can be used; 0 means for ever")
	flags.StringVar(&n.description, "description", "", "what it is for")
	flags.StringSliceVar(&n.usages, "usages", bootstrap.KnownTokenUsages, "what it can be used for: "+strings.Join(bootstrap.KnownTokenUsages, ", "))
	flags.StringSliceVar(&n.groups, "groups", []string{join.NodeGroup}, "groups that those who show it belong to")
	flags.BoolVar(&n.join, "print-join-command", false, "print the whole command by which a machine joins")
	return command
}

func (t *tokens) create(ctx context.Context, out io.Writer, n newToken, args []string) error {
	for _, usage := range n.usages {
		if !slices.Contains(bootstrap.KnownTokenUsages, usage) {
			return fmt.Errorf("--usages=%s: known are %s", usage, strings.Join(bootstrap.KnownTokenUsages, ", "))
		}
	}
	token, err := join.NewToken()
	if len(args) > 0 {
		token, err = join.ParseToken(args[0])
	}
	if err != nil {
		return err
	}
	more := map[string]string{bootstrap.BootstrapTokenDescriptionKey: n.description}
	if n.ttl > 0 {
		more[bootstrap.BootstrapTokenExpirationKey] = time.Now().Add(n.ttl).UTC().Format(time.RFC3339)
	}
	secret := join.Secret(token, more, n.usages, n.groups)
	if _, err := secrets.GetGroups(secret); err != nil {
		return fmt.Errorf("--groups: %w", err)
	}
	if err := t.client.Create(ctx, secret); apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("a token with the id %s exists already", token.ID)
	} else if err != nil {
		return fmt.Errorf("creating the token: %w", err)
	}
	text := token.String()
	if n.join {
		if text, err = t.joinCommand(ctx, token); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// joinCommand is what makes a machine a node, by what the cluster tells of itself. Its token pins the cluster's authority.
func (t *tokens) joinCommand(ctx context.Context, token join.Token) (string, error) {
	info := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: metav1.NamespacePublic, Name: bootstrap.ConfigMapClusterInfo}
	if err := t.client.Get(ctx, key, info); err != nil {
		return "", fmt.Errorf("reading cluster-info: %w", err)
	}
	config, err := clientcmd.Load([]byte(info.Data[bootstrap.KubeConfigKey]))
	if err != nil {
		return "", fmt.Errorf("reading cluster-info: %w", err)
	}
	for _, cluster := range config.Clusters {
		return fmt.Sprintf("coxswain agent --server %s --token %s", cluster.Server, token.Pinned(cluster.CertificateAuthorityData)), nil
	}
	return "", errors.New("reading cluster-info: it names no cluster")
}

func listTokensCommand(s process.Streams, access func() (*tokens, error)) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			t, err := access()
			if err != nil {
				return err
			}
			return t.list(command.Context(), s.Out)
		},
	}
}

func (t *tokens) list(ctx context.Context, out io.Writer) error {
	found := &corev1.SecretList{}
	err := t.client.List(ctx, found, client.InNamespace(metav1.NamespaceSystem), client.MatchingFields{"type": string(bootstrap.SecretTypeBootstrapToken)})
	if err != nil {
		return fmt.Errorf("listing the tokens: %w", err)
	}
	table := tabwriter.NewWriter(out, 10, 4, 3, ' ', 0)
	fmt.Fprintln(table, "TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\tEXTRA GROUPS")
	for i := range found.Items {
		fmt.Fprintln(table, tokenRow(&found.Items[i], time.Now()))
	}
	return table.Flush()
}

// tokenRow is the line of one token.
func tokenRow(secret *corev1.Secret, now time.Time) string {
	get := func(key string) string { return secrets.GetData(secret, key) }
	ttl, expires := "<forever>", "<never>"
	if text := get(bootstrap.BootstrapTokenExpirationKey); text != "" {
		ttl, expires = "<invalid>", text
		if until, err := time.Parse(time.RFC3339, text); err == nil {
			ttl = duration.ShortHumanDuration(until.Sub(now))
		}
	}
	var usages []string
	for _, usage := range bootstrap.KnownTokenUsages {
		if get(bootstrap.BootstrapTokenUsagePrefix+usage) == "true" {
			usages = append(usages, usage)
		}
	}
	slices.Sort(usages)
	orNone := func(text string) string {
		if text == "" {
			return "<none>"
		}
		return text
	}
	return strings.Join([]string{
		get(bootstrap.BootstrapTokenIDKey) + "." + get(bootstrap.BootstrapTokenSecretKey), ttl, expires,
		orNone(strings.Join(usages, ",")), orNone(get(bootstrap.BootstrapTokenDescriptionKey)), orNone(get(bootstrap.BootstrapTokenExtraGroupsKey)),
	}, "\t")
}

func deleteTokensCommand(s process.Streams, access func() (*tokens, error)) *cobra.Command {
	return &cobra.Command{
		Use: "delete TOKEN...", Short: "Delete tokens, named by their ids or as a whole", Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			t, err := access()
			if err != nil {
				return err
			}
			var all error
			for _, arg := range args {
				all = errors.Join(all, t.delete(command.Context(), s.Out, arg))
			}
			return all
		},
	}
}

func (t *tokens) delete(ctx context.Context, out io.Writer, name string) error {
	id := name
	if token, err := join.ParseToken(name); err == nil {
		id = token.ID
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: bootstrap.BootstrapTokenSecretPrefix + id}}
	if err := t.client.Delete(ctx, secret); apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no token with the id %s", id)
	} else if err != nil {
		return fmt.Errorf("deleting the token %s: %w", id, err)
	}
	_, err := fmt.Fprintf(out, "bootstrap token %q deleted\n", id)
	return err
}
