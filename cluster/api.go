package cluster

import "github.com/coxswain-k8s/coxswain/cluster/options"

// Options say what cluster to start. The JSON names are those of the command line and of its --config file.
type Options = options.Options

// Names that Options.Disable understands.
const (
	Agent            = options.Agent
	CloudControllers = options.CloudControllers
	Controllers      = options.Controllers
	DNS              = options.DNS
	LocalStorage     = options.LocalStorage
	Network          = options.Network
	Proxy            = options.Proxy
	Scheduler        = options.Scheduler
)

// Default returns the options of `coxswain server` without flags.
func Default() Options { return options.Default() }

// ForTest returns the options of a control plane with controllers and a scheduler for a Go test: no node, a free port of this
// machine, and a disk that is not waited for. Everything is kept below dir, such as t.TempDir().
func ForTest(dir string) Options { return options.ForTest(dir) }
