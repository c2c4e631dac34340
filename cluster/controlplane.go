package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/cacheview"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/h2"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
	"github.com/coxswain-k8s/coxswain/apiserver/services"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/encrypted"
	"github.com/coxswain-k8s/coxswain/cluster/clients"
	"github.com/coxswain-k8s/coxswain/cluster/credentials"
	"github.com/coxswain-k8s/coxswain/cluster/foundation"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/identitylease"
	"github.com/coxswain-k8s/coxswain/cluster/kubelets"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
	"github.com/coxswain-k8s/coxswain/cluster/state"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	schedulermetrics "github.com/coxswain-k8s/coxswain/scheduler/metrics"
)

// controlPlane is etcd, the watch cache and the API server.
type controlPlane struct {
	options      *Options
	certificates *credentials.Certificates
	inProcess    clients.InProcess // clients of the API server
	rows         []*resource.Resource
	etcd         storage.Store     // the member in the process, or a client of one elsewhere
	store        storage.Store     // that, and what encrypts its values
	keys         *encrypted.Keeper // nil where nothing is encrypted
	cache        *cache.Cache
	view         *cacheview.View
	server       *apiserver.Server
	extensions   *extensions.Extensions
	listener     net.Listener
	http         *http.Server
	closers      []io.Closer // what outlasts the last request
	drainer      *serving.Drainer
	explainer    serving.Explainer
	scheduling   *schedulermetrics.Metrics // of the scheduler, while one runs in this process
	counting     *prometheus.Registry      // of the controllers
	controlling  presence                  // of the controllers
	binding      presence                  // of the scheduler
	httpErrors   *log.Logger
	leaving      <-chan struct{} // closed when the cluster is told to end

	running sync.WaitGroup
	stop    context.CancelFunc
	failed  chan error // takes the first error of what runs
	ready   chan struct{}
}

// What all control planes of this process share, for nobody changes it: together a tenth of what a start costs.
var (
	sharedScheme = sync.OnceValue(apis.NewScheme)
	sharedNames  = sync.OnceValue(func() meta.RESTMapper { return clients.NewMapper(foundation.BuiltIn()) })
	// sharedFields has for each kind a plan that is made when it is first needed.
	sharedFields = sync.OnceValue(func() *fieldmanager.Managers { return fieldmanager.New(sharedScheme()) })
)

// startControlPlane returns when the API server serves and the bootstrap objects are written. close must be called
// once, also when an error is returned with a control plane.
func startControlPlane(ctx context.Context, o *Options) (*controlPlane, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &controlPlane{
		options: o, rows: foundation.Rows(o), inProcess: clients.InProcess{Scheme: sharedScheme(), BuiltIn: sharedNames}, scheduling: schedulermetrics.New(),
		leaving: ctx.Done(), stop: stop, failed: make(chan error, 4), ready: make(chan struct{}),
	}
	if err := c.open(ctx); err != nil {
		return c, err
	}
	if err := c.serve(running); err != nil {
		return c, err
	}
	// The cache is ready when it has loaded the kinds that it knew at first: all that are served.
	c.run("watch cache", func() error { return c.cache.Run(running) })
	select {
	case <-c.cache.Ready():
	case err := <-c.failed:
		return c, err
	case <-ctx.Done():
		return c, ctx.Err()
	}
	writer, err := c.inProcess.Client(identity.Server(), nil)
	if err != nil {
		return c, err
	}
	lease := identitylease.New(writer, o.NodeName, o.AdvertiseAddress, o.HTTPSListenPort)
	objects := &foundation.Objects{Options: o, Certificates: c.certificates, Server: c.server, Store: c.store, Cache: c.cache, Own: []client.Object{lease.Object()}}
	there, err := objects.Ensure(ctx, writer)
	if err != nil {
		return c, err
	}
	lease.Made = len(there) == 0
	c.run("authorities of clients", func() error {
		return c.certificates.FollowAuthorities(running, func(ctx context.Context) error { return objects.TellAuthorities(ctx, writer) })
	})
	c.run("lease of the API server", func() error { return lease.Run(running) })
	close(c.ready)
	return c, nil
}

// open starts etcd and makes the certificates, at the same time.
func (c *controlPlane) open(ctx context.Context) error {
	var both sync.WaitGroup
	var opening, signing error
	var opened *state.Opened
	both.Go(func() { opened, opening = state.Open(ctx, c.options) })
	both.Go(func() { c.certificates, signing = credentials.Open(c.options) })
	both.Wait()
	c.etcd = opened.Store
	if signing != nil {
		signing = fmt.Errorf("preparing certificates: %w", signing)
	}
	if err := errors.Join(opening, signing); err != nil {
		return err
	}
	c.certificates.Keep(opened.Kept)
	c.certificates.Tell(func(err error) {
		logr.FromContextOrDiscard(ctx).Error(err, "A certificate that ends could not be replaced yet")
	})
	var err error
	if c.store, c.keys, err = state.NewStore(ctx, c.options, c.etcd, c.rows); err != nil {
		return err
	}
	c.cache = cache.New(c.store)
	c.view = cacheview.New(c.cache, c.rows)
	return nil
}

// serve builds the API server, opens its port, and runs it with all that belongs to it until ctx ends.
func (c *controlPlane) serve(ctx context.Context) error {
	var err error
	if c.server, err = c.newServer(ctx); err != nil {
		return err
	}
	c.keepKeys(ctx)
	c.switchFeatures(ctx)
	bound(&c.options.RequestOptions, c.server)
	c.instrument()
	aggregator, err := c.newAggregator()
	if err != nil {
		return err
	}
	documents := openapi.New(c.rows, version.Version)
	c.server.Aggregation, c.server.OpenAPI = aggregator, aggregator.OpenAPI(documents)
	lasting, endLasting := context.WithCancel(ctx)
	c.drainer = &serving.Drainer{Delay: c.options.ShutdownDelayDuration.Duration, Patience: c.options.RequestTimeout.Duration, EndLasting: endLasting}
	if c.inProcess.Handler, err = c.server.Handler(lasting); err != nil {
		return fmt.Errorf("building the API server: %w", err)
	}
	if c.extensions, err = c.newExtensions(documents); err != nil {
		return err
	}
	if err := c.listen(); err != nil {
		return err
	}
	c.run("compaction", func() error { return c.server.Compact(ctx) })
	if c.options.Enabled(Controllers) {
		c.run("type checks of policies", func() error { return c.newTypeChecks().Run(ctx) })
	}
	c.run("flow control", func() error { return c.runFlowControl(ctx) })
	c.run("aggregation", func() error { return aggregator.Run(ctx) })
	c.run("extensions", func() error { return c.extensions.Run(ctx) })
	return c.answer(ctx)
}

// newServer is the API server, but for what others bring: aggregation, and what options say of features and requests.
func (c *controlPlane) newServer(ctx context.Context) (*apiserver.Server, error) {
	access, err := c.newAccess(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting up authentication and authorization: %w", err)
	}
	recording, err := c.newAudit(ctx)
	if err != nil {
		return nil, err
	}
	toKubelets, err := c.certificates.KubeletTLS(&c.options.ServingOptions)
	if err != nil {
		return nil, err
	}
	nodes := kubelets.New(c.view, toKubelets)
	return &apiserver.Server{
		Rows: c.rows, Served: kinds.Served{Known: foundation.Known}, Scheme: c.inProcess.Scheme, Version: version.Info(),
		Store: c.store, Cache: c.cache, Clock: clock.RealClock{},

		Authenticator: access.authenticator, FrontProxy: headers(&c.options.RequestHeaderOptions), Authorizer: access.authorizer, Impersonate: access.impersonate,
		Audit: recording, Admission: access.admission, FieldManager: sharedFields(), Tokens: access.issuer,
		Collectors: []prometheus.Collector{access.metrics},

		Nodes: nodes, Live: nodes.Live(), Virtual: access.reviews, Paths: c.paths(access.documents),
		Services: services.Ranges{CIDRs: options.Prefixes(c.options.ServiceCIDR)}, Components: c.components(),
		Checks: []apiserver.Check{
			{Name: "poststarthook/bootstrap", Check: c.checkBootstrap, ReadyOnly: true},
			{Name: "poststarthook/crd-informer-synced", Check: c.checkExtensions, ReadyOnly: true},
			{Name: "shutdown", Check: c.checkLeaving, ReadyOnly: true},
		},
	}, nil
}

// answer has the API server answer who calls it at its port.
func (c *controlPlane) answer(ctx context.Context) error {
	c.http = serving.NewServer(ctx, c.inProcess.Handler, c.certificates.TLS(), c.drainer)
	c.http.ErrorLog = c.httpErrors
	if err := c.options.ServingOptions.Restrict(c.http.TLSConfig); err != nil {
		return err
	}
	c.run("API server", func() error {
		if err := c.http.ServeTLS(h2.Listener{Listener: c.listener}, "", ""); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// listen opens the API server's port, which options know from then on also where they let the kernel choose.
func (c *controlPlane) listen() error {
	c.listener = c.options.Listener
	if c.listener == nil {
		var err error
		if c.listener, err = net.Listen("tcp", net.JoinHostPort(c.options.BindAddress, strconv.Itoa(c.options.HTTPSListenPort))); err != nil {
			return fmt.Errorf("opening the API server's port: %w; is another cluster running? --https-listen-port 0 picks a free one", err)
		}
	}
	c.options.HTTPSListenPort = c.listener.Addr().(*net.TCPAddr).Port
	return nil
}

// checkBootstrap fails /readyz until what a cluster begins with is there.
func (c *controlPlane) checkBootstrap(context.Context) error {
	select {
	case <-c.ready:
		return nil
	default:
		return errors.New("bootstrap objects are not written yet")
	}
}

// checkLeaving fails /readyz as soon as the cluster is told to end.
func (c *controlPlane) checkLeaving(context.Context) error {
	select {
	case <-c.leaving:
		return errors.New("process is shutting down")
	default:
		return nil
	}
}

// run starts one part in a goroutine that close waits for.
func (c *controlPlane) run(name string, part func() error) {
	c.running.Go(func() {
		if err := part(); err != nil {
			select {
			case c.failed <- fmt.Errorf("running the %s: %w", name, err):
			default: // what failed first counts, and nobody may read the rest
			}
		}
	})
}

// close ends everything in the order in which it depends on each other. Open watches end with their server.
func (c *controlPlane) close() error {
	var err error
	if c.http != nil {
		err = c.drainer.Drain(c.http)
	}
	c.stop()
	c.running.Wait()
	for _, closer := range c.closers {
		err = errors.Join(err, closer.Close())
	}
	if c.etcd != nil {
		err = errors.Join(err, c.etcd.Close())
	}
	return err
}

// url of the API server for clients on this machine.
func (c *controlPlane) url() string {
	host := "127.0.0.1"
	if ip := net.ParseIP(c.options.BindAddress); ip != nil && !ip.IsUnspecified() {
		host = ip.String()
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(c.options.HTTPSListenPort))
}

// publicURL of the API server for everybody else.
func (c *controlPlane) publicURL() string {
	return "https://" + net.JoinHostPort(c.options.AdvertiseAddress, strconv.Itoa(c.options.HTTPSListenPort))
}

// adminConfig is a client of the administrator over the network.
func (c *controlPlane) adminConfig() *rest.Config {
	admin := c.certificates.Admin.Pair()
	return &rest.Config{
		Host: c.url(), QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.certificates.Trusted, CertData: admin.CertPEM, KeyData: admin.KeyPEM,
		},
	}
}
