package options

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// TestOptions are for programs that test what uses the API.
type TestOptions struct {
	// SimulatedNodes need no machine: pods that are bound to them become ready, and no container runs. Default none.
	SimulatedNodes int `json:"simulate-nodes,omitempty"`
	// DisabledControllers are left out of those that run, by name; SelectControllers reads upstream's notation. Default none.
	DisabledControllers []string `json:"disable-controllers,omitempty"`
	// Ephemeral keeps keys, certificates and the token in memory: what starts again on the same folder is another cluster, which believes
	// nobody of before. Default is to keep them below DataDir.
	Ephemeral bool `json:"-"`
	// Listener is where the API server is reached in place of a port of this machine: one of memory lets a whole control plane run in a
	// bubble of testing/synctest. Its Addr is a *net.TCPAddr. Default a port.
	Listener net.Listener `json:"-"`
	// AuditSink is told, beside what AuditOptions name, of the requests that their policy records. Default nobody.
	AuditSink audit.Sink `json:"-"`
	// TuneControllers changes what the controllers are given, such as what kube-controller-manager has flags for. Default nothing.
	TuneControllers func(*controllers.Deps) `json:"-"`
}

// ForTest returns the options of a control plane with controllers and a scheduler for a Go test: no node, a free port of this
// machine, and a disk that is not waited for. Everything is kept below dir, such as t.TempDir().
func ForTest(dir string) Options {
	o := Default()
	o.DataDir, o.Disable, o.NodeName, o.NodeIP = dir, []string{Agent, DNS, LocalStorage, CloudControllers}, "localhost", "127.0.0.1"
	o.BindAddress, o.HTTPSListenPort, o.EtcdUnsafeNoFsync, o.Ephemeral = "127.0.0.1", 0, true, true
	return o
}

// Tuned is what the controllers are given.
func (o *TestOptions) Tuned(deps controllers.Deps) controllers.Deps {
	if o.TuneControllers != nil {
		o.TuneControllers(&deps)
	}
	return deps
}

func (o *TestOptions) validate() error {
	if o.SimulatedNodes < 0 || o.SimulatedNodes > 10000 {
		return fmt.Errorf("--simulate-nodes=%d: want a number up to 10000", o.SimulatedNodes)
	}
	if o.Listener != nil {
		if addr := o.Listener.Addr(); !isTCP(addr) {
			return fmt.Errorf("a listener at %T %v: want one at a *net.TCPAddr", addr, addr)
		}
	}
	return nil
}

func isTCP(addr net.Addr) bool {
	_, ok := addr.(*net.TCPAddr)
	return ok
}

// SelectControllers takes the value of upstream's --controllers: "*" is all, "name" is that one, "-name" is not that one. An empty
// list is all. Names are those in docs/controllers.md; deployment-controller is deployment, too.
func (o *TestOptions) SelectControllers(chosen []string) error {
	known := controllers.Names()
	on, off := map[string]bool{}, map[string]bool{}
	for _, choice := range chosen {
		name, not := strings.CutPrefix(choice, "-")
		name = strings.ReplaceAll(strings.TrimSuffix(name, "-controller"), "-", "")
		if name != "*" && !slices.Contains(known, name) {
			return fmt.Errorf("--controllers=%s: unknown; known are %s", choice, strings.Join(known, ", "))
		}
		on[name], off[name] = !not, not
	}
	o.DisabledControllers = nil
	all := len(chosen) == 0 || on["*"]
	for _, name := range known {
		if off[name] || !all && !on[name] {
			o.DisabledControllers = append(o.DisabledControllers, name)
		}
	}
	return nil
}
