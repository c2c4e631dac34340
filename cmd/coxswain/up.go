package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/fleet"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// upFlags are those of `coxswain up`.
type upFlags struct {
	spec         fleet.Spec
	dataDir      string
	subnet       string
	images       []string
	server       map[string]*string
	serverConfig string
	agentConfig  string
	timeout      time.Duration
}

// passed are the keys of the server's configuration that have flags of their own here.
var passed = []string{"network", "cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain", "proxy-mode"}

// upCommand starts several nodes on this machine.
func upCommand(s process.Streams) *cobra.Command {
	f := upFlags{spec: fleet.Spec{Name: "dev", Nodes: 3, Servers: 1}, server: map[string]*string{}}
	command := &cobra.Command{
		Use: "up", Short: "Start a cluster of several nodes on this machine", Args: cobra.NoArgs,
		Long: `Start a cluster of several nodes on this machine.

The nodes are namespaces of this machine, NAME-1 to NAME-N, each with its own network, mounts, host name and control groups.
They go on when the command has ended; "coxswain down" removes them. Several clusters of different names can run at the same
time.`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := f.complete(command.Flags()); err != nil {
				return err
			}
			return f.up(command.Context(), s)
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.spec.Name, "name", f.spec.Name, "name of the cluster; its nodes are NAME-1, NAME-2 and so on")
	flags.IntVar(&f.spec.Nodes, "nodes", f.spec.Nodes, "number of nodes")
	flags.IntVar(&f.spec.Servers, "servers", f.spec.Servers, "how many of the nodes run a server too")
	flags.StringVar(&f.subnet, "subnet", "", "network of the machines, a /24 (default a free one below 10.88.0.0/16)")
	flags.StringSliceVar(&f.images, "images", nil, "image archives, or folders of them, to import on every node")
	flags.StringVar(&f.serverConfig, "server-config", "", "YAML file with more of what --config of coxswain server takes")
	flags.StringVar(&f.agentConfig, "agent-config", "", "YAML file with more of what --config of coxswain agent takes")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "how long the nodes may take to become ready")
	addClustersFlag(flags, &f.dataDir)
	for _, name := range passed {
		f.server[name] = flags.String(name, "", "as of coxswain server")
	}
	return command
}

// importCommand is what upCommand runs on a machine of its own.
func importCommand(s process.Streams) *cobra.Command {
	return &cobra.Command{
		Use: fleet.ImportCommand + " DATA-DIR ARCHIVE...", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return fleet.ImportImages(process.WithLogger(command.Context(), s.Err), args[0], args[1:])
		},
	}
}

// addClustersFlag is for all commands that are about clusters of several nodes.
func addClustersFlag(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "data-dir", local.DataDir(), "folder that clusters are kept in, below clusters/")
}

func clustersDir(dataDir string) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("nodes on this machine need root: start it with sudo")
	}
	dir, err := filepath.Abs(dataDir)
	return filepath.Join(dir, "clusters"), err
}

// complete turns flags and files into what the cluster is.
func (f *upFlags) complete(flags *pflag.FlagSet) error {
	var err error
	if f.subnet != "" {
		if f.spec.Subnet, err = netip.ParsePrefix(f.subnet); err != nil {
			return fmt.Errorf("--subnet=%s: want a network such as 10.88.0.0/24", f.subnet)
		}
	}
	if f.spec.Server, err = readKeys("server-config", f.serverConfig); err != nil {
		return err
	}
	if f.spec.Agent, err = readKeys("agent-config", f.agentConfig); err != nil {
		return err
	}
	for name, value := range f.server {
		if flags.Changed(name) {
			f.spec.Server[name] = *value
			if name == "proxy-mode" {
				f.spec.Agent[name] = *value
			}
		}
	}
	if err := f.dns(); err != nil {
		return err
	}
	var images []string
	for _, name := range f.images {
		absolute, err := filepath.Abs(name)
		if err == nil {
			_, err = os.Stat(absolute)
		}
		if err != nil {
			return fmt.Errorf("--images: %w", err)
		}
		images = append(images, absolute)
	}
	if len(images) > 0 {
		f.spec.Agent["images"] = images
	}
	return f.spec.Validate()
}

// dns puts the name server into another network of Services, at its tenth address, if no one said where it is.
func (f *upFlags) dns() error {
	cidr, ok := f.spec.Server["service-cidr"].(string)
	if !ok || f.spec.Server["cluster-dns"] != nil {
		return nil
	}
	network, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("--service-cidr=%s: not a network such as 10.43.0.0/16", cidr)
	}
	ip := network.Masked().Addr()
	for range 10 {
		ip = ip.Next()
	}
	f.spec.Server["cluster-dns"] = ip.String()
	return nil
}

// readKeys reads a configuration file, whose keys are checked by who reads them in the end.
func readKeys(flag, file string) (map[string]any, error) {
	keys := map[string]any{}
	if file == "" {
		return keys, nil
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(data, &keys)
	}
	if err != nil {
		return nil, fmt.Errorf("reading --%s: %w", flag, err)
	}
	return keys, nil
}

// up starts the cluster and says how to use it.
func (f *upFlags) up(ctx context.Context, s process.Streams) error {
	clusters, err := clustersDir(f.dataDir)
	if err != nil {
		return err
	}
	if err := node.CheckMachine(cluster.Options{}); err != nil {
		return err
	}
	var writing sync.Mutex
	say := fleet.Progress(time.Now(), func(line string) {
		writing.Lock()
		defer writing.Unlock()
		fmt.Fprint(s.Err, line)
	})
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	running, err := fleet.Up(ctx, clusters, f.spec, say)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "export KUBECONFIG=%s\n", running.Kubeconfig())
	return err
}

// downCommand removes what upCommand made.
func downCommand(s process.Streams) *cobra.Command {
	name, dir := "dev", ""
	command := &cobra.Command{
		Use: "down", Short: "Remove a cluster that up started, and every trace of it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := (&fleet.Spec{Name: name, Nodes: 1, Servers: 1}).Validate(); err != nil {
				return err
			}
			clusters, err := clustersDir(dir)
			if err != nil {
				return err
			}
			there, err := fleet.Down(clusters, name)
			if err != nil {
				return err
			}
			if !there {
				fmt.Fprintf(s.Err, "there is no cluster %s\n", name)
			}
			return nil
		},
	}
	command.Flags().StringVar(&name, "name", name, "name of the cluster")
	addClustersFlag(command.Flags(), &dir)
	return command
}
