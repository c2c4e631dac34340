package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/test/conformance/registry"
)

// Name of the cluster, and so of its nodes.
const Name = "conformance"

// Cluster is what the suite runs against.
type Cluster struct {
	// Program is coxswain's path.
	Program string
	Nodes   int
	// DataDir that the cluster is kept in.
	DataDir string
	// Archive of the images.
	Archive string
	// Dir gets what is kept.
	Dir string
	// Kubeconfig of the administrator. Where it is given, Start starts nothing.
	Kubeconfig string
	Log        io.Writer

	ours     bool
	registry *http.Server
	archive  *registry.Archive
}

// kinds of objects that are kept of the namespace of a failed test.
const kinds = "pods,events,services,endpointslices,replicationcontrollers,replicasets,deployments,statefulsets,daemonsets,jobs,cronjobs," +
	"persistentvolumeclaims,configmaps,serviceaccounts,resourcequotas,poddisruptionbudgets"

// Start starts a cluster and waits for its nodes.
func (c *Cluster) Start(ctx context.Context) error {
	if c.Kubeconfig == "" {
		if err := c.up(ctx); err != nil {
			return err
		}
	}
	for {
		out, err := c.kubectl(ctx, "get", "nodes", "-o", `jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
		if ready := strings.Count(out, "True"); err == nil && ready >= c.Nodes {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("waiting for the nodes: %w: %s", ctx.Err(), errors.Join(err, errors.New(out)))
		}
	}
}

func (c *Cluster) up(ctx context.Context) error {
	c.ours = true
	agent, err := c.serveImages()
	if err != nil {
		return err
	}
	err = c.run(ctx, "up", "--data-dir", c.DataDir, "--name", Name, "--nodes", strconv.Itoa(c.Nodes), "--images", c.Archive, "--agent-config", agent)
	c.Kubeconfig = filepath.Join(c.data(), "admin.kubeconfig")
	return err
}

// data is the folder of the cluster.
func (c *Cluster) data() string { return filepath.Join(c.DataDir, "clusters", Name) }

func (c *Cluster) run(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, c.Program, args...)
	command.Stdout, command.Stderr = c.Log, c.Log
	if err := command.Run(); err != nil {
		return fmt.Errorf("running coxswain %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// serveImages stands in for registry.k8s.io and returns a configuration of agents that says so.
func (c *Cluster) serveImages() (string, error) {
	var err error
	if c.archive, err = registry.Open(c.Archive); err != nil {
		return "", err
	}
	address, err := ownAddress()
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", fmt.Errorf("listening for pulls: %w", err)
	}
	c.registry = &http.Server{Handler: c.archive, ReadHeaderTimeout: time.Minute}
	go func() { _ = c.registry.Serve(listener) }()
	file := filepath.Join(c.Dir, "registries.yaml")
	text := fmt.Sprintf("mirrors:\n  registry.k8s.io:\n    endpoint: [\"http://%s\"]\n", listener.Addr())
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", err
	}
	agent := filepath.Join(c.Dir, "agent.yaml")
	return agent, os.WriteFile(agent, fmt.Appendf(nil, "registries: %q\n", file), 0o644)
}

// ownAddress is one by which the cluster's nodes reach this process: that of the interface with the default route.
func ownAddress() (string, error) {
	connection, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return "", fmt.Errorf("finding an address of this machine: %w", err)
	}
	defer connection.Close()
	return connection.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

// Host is the URL of the API server.
func (c *Cluster) Host(ctx context.Context) (string, error) {
	return c.kubectl(ctx, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
}

// KeepNamespace writes the objects of a namespace and what its containers said to files, and deletes it.
func (c *Cluster) KeepNamespace(ctx context.Context, namespace string) error {
	out, err := c.kubectl(ctx, "get", "-n", namespace, kinds, "-o", "yaml")
	err = errors.Join(err, c.keep(namespace+".yaml", out))
	pods, listing := c.kubectl(ctx, "get", "-n", namespace, "pods", "-o", "name")
	var logs strings.Builder
	for _, pod := range strings.Fields(pods) {
		// A container that never ran has no log, and that is no problem of ours.
		out, _ := c.kubectl(ctx, "logs", "-n", namespace, pod, "--all-containers", "--prefix", "--ignore-errors", "--tail=1000")
		logs.WriteString(out)
	}
	err = errors.Join(err, listing, c.keep(namespace+".log", logs.String()))
	_, deleting := c.kubectl(ctx, "delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
	return errors.Join(err, deleting)
}

func (c *Cluster) keep(name, text string) error {
	dir := filepath.Join(c.Dir, "namespaces")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}

// KeepLogs copies the logs of the server and of the nodes.
func (c *Cluster) KeepLogs() error {
	if !c.ours {
		return nil
	}
	logs, err := filepath.Glob(filepath.Join(c.data(), Name+"-*", "*.log"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		name := filepath.Base(filepath.Dir(log)) + "-" + filepath.Base(log)
		if err := os.WriteFile(filepath.Join(c.Dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Stop removes a cluster that Start has started.
func (c *Cluster) Stop(ctx context.Context) error {
	if !c.ours {
		return nil
	}
	all := c.run(ctx, "down", "--data-dir", c.DataDir, "--name", Name)
	if c.registry != nil {
		all = errors.Join(all, c.registry.Close(), c.archive.Close())
	}
	return all
}

func (c *Cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, c.Program, append([]string{"kubectl", "--kubeconfig", c.Kubeconfig}, args...)...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("running kubectl %s: %w: %s", args[0], err, bytes.TrimSpace(problems.Bytes()))
	}
	return out.String(), nil
}
