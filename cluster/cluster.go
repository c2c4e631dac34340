package cluster

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/cluster/credentials"
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
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
	ctx = logr.NewContext(ctx, logr.FromContextOrDiscard(ctx))
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
	plane, err := startControlPlane(ctx, &options)
	if err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	parts, err := newParts(ctx, plane)
	if err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	c := &Cluster{
		Config: plane.adminConfig(), Kubeconfig: filepath.Join(options.DataDir, "admin.kubeconfig"),
		done: make(chan struct{}), stop: stop,
	}
	admin := plane.certificates.Admin.Pair()
	if err := writeKubeconfigs(&options, plane, admin); err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	plane.certificates.Handed.Follow(admin, func(admin *pki.Pair) error {
		err := writeKubeconfigs(&options, plane, admin)
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "The administrator's new certificate could not be written yet")
		}
		return err
	})
	up()
	go func() {
		defer close(c.done)
		defer stop()
		others.makeRoom(ctx)
		c.err = errors.Join(parts.Run(ctx), plane.close(), unlock())
	}()
	return c, nil
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

func writeKubeconfigs(o *Options, plane *controlPlane, admin *pki.Pair) error {
	files := []string{filepath.Join(o.DataDir, "admin.kubeconfig")}
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

// switchFeatures does what the feature gates say; migrates asks for another one. Those that ask for what there is not here are named, and ignored.
func (c *controlPlane) switchFeatures(ctx context.Context) {
	if others := options.OtherGates(c.options.FeatureGates); len(others) > 0 {
		log.FromContext(ctx).Info("Feature gates are ignored", "names", others)
	}
	c.server.CBOR = options.GateOn(c.options.FeatureGates, options.CBORGate)
	c.server.Collectors = append(c.server.Collectors, metrics.Features(func(tell func(name, stage string, on bool)) {
		options.EachGate(c.options.FeatureGates, tell)
	}))
}

// newLocalNode lists the parts of the node on the server's own machine. They share the server's cache, which shows them the
// objects of the watch cache itself; what they write they write as themselves.
func (c *controlPlane) newLocalNode(shared cache.Cache) ([]parts.Part, error) {
	access := &node.Access{
		Scheme: c.inProcess.Scheme, ClientCAs: c.certificates.Authority.Pool(),
		Serving: c.certificates.Kubelet.Serving,
	}
	access.Pages = serving.KubeletPages(c.options.FeatureGates, c.options.Flags)
	var err error
	if access.Kubelet.Client, err = c.inProcess.Client(identity.Node(c.options.NodeName), shared); err != nil {
		return nil, err
	}
	if access.Proxy.Client, err = c.inProcess.Client(identity.Proxy(), shared); err != nil {
		return nil, err
	}
	if access.DNS.Client, err = c.inProcess.Client(identity.DNS(), nil); err != nil {
		return nil, err
	}
	access.Kubelet.Cache, access.Proxy.Cache, access.DNS.Cache = shared, shared, shared
	_, parts, err := node.New(&c.options.NodeOptions, &c.options.Shared, access)
	return parts, err
}

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
