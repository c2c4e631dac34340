package cluster

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/cluster/credentials"
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// Cluster is a running cluster.
type Cluster struct {
	// Config is a client of the administrator over the network.
	Config *rest.Config
	// Kubeconfig is the file that says the same.
	Kubeconfig string

	done chan struct{}
	err  error
	stop context.CancelFunc
}

// Start starts a cluster and returns when its API server is ready. It runs until ctx ends, Stop is called or a
// part fails. What there is to say goes to the logger in ctx, or nowhere.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if logr.FromContextOrDiscard(ctx).GetSink() == nil { // with none at all, controller-runtime takes its own, which may be a test's
		ctx = logr.NewContext(ctx, logr.New(log.NullLogSink{}))
	}
	if err := options.Complete(); err != nil {
		return nil, err
	}
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if err := node.CheckMachine(options); err != nil {
		return nil, err
	}
	unlock, err := datadir.Lock(options.DataDir)
	if err != nil {
		return nil, err
	}
	others := startsBeside(&options)
	up := others.begin()
	defer up()
	ctx, stop := context.WithCancel(ctx)
	plane, parts, err := start(ctx, &options)
	if err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	up()
	c := &Cluster{Config: plane.adminConfig(), Kubeconfig: adminKubeconfig(&options), done: make(chan struct{}), stop: stop}
	go func() {
		defer close(c.done)
		defer stop()
		others.makeRoom(ctx)
		c.err = errors.Join(parts.Run(ctx), plane.close(), unlock())
	}()
	return c, nil
}

// start brings the control plane up, and sets the parts up that are to run beside it. The control plane must be closed also when an error is
// returned with it.
func start(ctx context.Context, o *Options) (*controlPlane, *parts.All, error) {
	plane, err := startControlPlane(ctx, o)
	if err != nil {
		return plane, nil, err
	}
	parts, err := newParts(ctx, plane)
	if err != nil {
		return plane, nil, err
	}
	return plane, parts, keepKubeconfigs(ctx, o, plane)
}

// Wait returns when the cluster has ended, with what made it end if that was not asked for.
func (c *Cluster) Wait() error {
	<-c.done
	return c.err
}

// Stop ends the cluster and waits for it. Its containers go on.
func (c *Cluster) Stop() error {
	c.stop()
	return c.Wait()
}

// keepKubeconfigs writes the administrator's kubeconfigs, now and whenever their certificate is another one.
func keepKubeconfigs(ctx context.Context, o *Options, plane *controlPlane) error {
	admin := plane.certificates.Admin.Pair()
	if err := writeKubeconfigs(o, plane, admin); err != nil {
		return err
	}
	plane.certificates.Handed.Follow(admin, func(admin *pki.Pair) error {
		err := writeKubeconfigs(o, plane, admin)
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "The administrator's new certificate could not be written yet")
		}
		return err
	})
	return nil
}

func writeKubeconfigs(o *Options, plane *controlPlane, admin *pki.Pair) error {
	files := []string{adminKubeconfig(o)}
	if o.WriteKubeconfig != "" {
		files = append(files, o.WriteKubeconfig)
	}
	for _, file := range files {
		if err := credentials.WriteKubeconfig(file, plane.url(), plane.certificates.Trusted, admin); err != nil {
			return err
		}
	}
	return nil
}

func adminKubeconfig(o *Options) string { return filepath.Join(o.DataDir, "admin.kubeconfig") }

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
