package fleet

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/coxswain-k8s/coxswain/cluster/machines"
)

// Spec says what cluster to run.
type Spec struct {
	// Name of the cluster; its nodes are NAME-1, NAME-2 and so on.
	Name string `json:"name"`
	// Nodes is how many there are, and Servers how many of them run a server too.
	Nodes   int `json:"nodes"`
	Servers int `json:"servers"`
	// Subnet of the machines, a /24; default a free one below 10.88.0.0/16.
	Subnet netip.Prefix `json:"subnet"`
	// Server and Agent are further keys of their configuration files.
	Server map[string]any `json:"server,omitempty"`
	Agent  map[string]any `json:"agent,omitempty"`
}

// longestName leaves room for the number of a node in its host name.
const longestName = 50

// mostNodes is what the addresses of a /24 allow.
const mostNodes = 200

// Validate returns everything that is wrong with a spec.
func (s *Spec) Validate() error {
	var wrong []error
	for _, message := range validation.IsDNS1123Label(s.Name) {
		wrong = append(wrong, fmt.Errorf("--name=%s: %s", s.Name, message))
	}
	if len(s.Name) > longestName {
		wrong = append(wrong, fmt.Errorf("--name=%s: longer than %d characters", s.Name, longestName))
	}
	if s.Nodes < 1 || s.Nodes > mostNodes {
		wrong = append(wrong, fmt.Errorf("--nodes=%d: want 1 to %d", s.Nodes, mostNodes))
	}
	switch {
	case s.Servers == 1:
	case s.Servers > 1:
		wrong = append(wrong, fmt.Errorf("--servers=%d: several servers need a quorum of etcd members, which is not there yet; want 1", s.Servers))
	default:
		wrong = append(wrong, fmt.Errorf("--servers=%d: want 1", s.Servers))
	}
	if s.Subnet.IsValid() && (!s.Subnet.Addr().Is4() || s.Subnet.Bits() != 24 || s.Subnet.Masked() != s.Subnet) {
		wrong = append(wrong, fmt.Errorf("--subnet=%s: want a network such as 10.88.0.0/24", s.Subnet))
	}
	return errors.Join(wrong...)
}

// Fleet is a cluster on this machine.
type Fleet struct {
	Spec
	// Token with which the agents join.
	Token string `json:"token"`
	// Dir holds everything that is kept.
	Dir string `json:"-"`
}

// errNone says that there is no such cluster.
var errNone = errors.New("no such cluster")

// dirOf is where the cluster of a name is kept, below the folder of all clusters.
func dirOf(clusters, name string) string { return filepath.Join(clusters, name) }

// Open returns the cluster that was made below clusters under a name. Without one the error names those that there are.
func Open(clusters, name string) (*Fleet, error) {
	f := &Fleet{Dir: dirOf(clusters, name)}
	data, err := os.ReadFile(f.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s; %s", errNone, name, others(clusters))
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.file(), err)
	}
	return f, nil
}

// Names lists the clusters that were made below a folder.
func Names(clusters string) []string {
	files, _ := filepath.Glob(filepath.Join(clusters, "*", "cluster.json"))
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	return names
}

func others(clusters string) string {
	if names := Names(clusters); len(names) > 0 {
		return "there are " + strings.Join(names, ", ")
	}
	return "there is none"
}

func (f *Fleet) file() string { return filepath.Join(f.Dir, "cluster.json") }

// newFile is what file is written as before it is renamed.
func (f *Fleet) newFile() string { return f.file() + ".new" }

// Kubeconfig is the administrator's.
func (f *Fleet) Kubeconfig() string { return filepath.Join(f.Dir, "admin.kubeconfig") }

func (f *Fleet) save() error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.newFile(), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the cluster's file: %w", err)
	}
	return os.Rename(f.newFile(), f.file())
}

func (f *Fleet) plug() *machines.Switch {
	return &machines.Switch{Name: f.Name, Subnet: f.Subnet, Owner: f.Dir}
}

// node returns the n-th node, from 1.
func (f *Fleet) node(n int) *Node {
	plug := f.plug()
	name := f.Name + "-" + strconv.Itoa(n)
	dir := filepath.Join(f.Dir, name)
	return &Node{fleet: f, server: n <= f.Servers, machine: &machines.Machine{
		Name: name, Switch: plug, IP: plug.Address(n), Dir: filepath.Join(dir, "disk"),
		Binds: []machines.Bind{{From: f.programs(), To: filepath.Join(dir, agent, "programs"), ReadOnly: true}},
	}}
}

// Nodes of the cluster.
func (f *Fleet) Nodes() []*Node {
	var nodes []*Node
	for n := range f.Spec.Nodes {
		nodes = append(nodes, f.node(n+1))
	}
	return nodes
}

// OpenNode returns a node by its name, NAME-N.
func OpenNode(clusters, name string) (*Node, error) {
	dash := strings.LastIndexByte(name, '-')
	if dash < 1 {
		return nil, fmt.Errorf("%q is no node: a node's name is that of its cluster and a number, such as dev-2", name)
	}
	f, err := Open(clusters, name[:dash])
	if err != nil {
		return nil, err
	}
	nodes := f.Nodes()
	i := slices.IndexFunc(nodes, func(n *Node) bool { return n.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("the cluster %s has no node %s: they are %s to %s", f.Name, name, nodes[0].Name(), nodes[len(nodes)-1].Name())
	}
	return nodes[i], nil
}

func newToken() string {
	text := strings.ToLower(rand.Text())
	return text[:6] + "." + text[6:22]
}

// lock keeps other commands away from a folder until unlock is called. The folder is made if it is not there.
func lock(dir string) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		file, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), file.Close())
		}
		here, herr := os.Stat(dir)
		mine, err := file.Stat()
		if herr == nil && err == nil && os.SameFile(here, mine) {
			return func() { _ = file.Close() }, nil
		}
		_ = file.Close() // it was removed meanwhile
	}
}
