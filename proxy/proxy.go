package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// Proxy is the service proxy of one node.
type Proxy struct {
	// Cache gives the informers of Services, EndpointSlices and Nodes.
	Cache cache.Cache
	// NodeName tells which endpoints are local.
	NodeName string
	// NodeIPs are the node's own addresses; the first of each family is what its processes show to pods.
	NodeIPs []netip.Addr
	// ClusterCIDRs are the pods' networks. Clients outside of them are masqueraded. None: only what must be is masqueraded.
	ClusterCIDRs []netip.Prefix
	// ServiceCIDRs are the ranges of cluster IPs, routed so that the node's processes reach them without a default route.
	ServiceCIDRs []netip.Prefix
	// Mode is nftables or iptables. Default: the first one that the kernel has.
	Mode string
	// HealthzAddress serves /healthz and /livez. Default: 0.0.0.0:10256; "-" does not serve them.
	HealthzAddress string
	// Recorder tells about health check ports that cannot be opened. Default: nobody is told.
	Recorder record.EventRecorder
	// Clock is for tests. Default: the real one.
	Clock clock.WithTicker

	started sync.Once
	ready   chan struct{}
	backend Backend
	inputs  *inputs
	state   *rules.State
	pace    *pace
	health  *healthServers
	healthz *healthz
	flows   *flows
	routes  *serviceRoutes
}

// Timing of syncs: so many may follow each other at once, and so many per second in the long run.
const (
	burst     = 16
	perSecond = 10
	// A failed sync is tried again after this, with everything.
	retryDelay = time.Second
)

// Ready is closed when the kernel has the rules of all Services that there were at the start. It may be called before Run.
func (p *Proxy) Ready() <-chan struct{} {
	p.started.Do(func() { p.ready = make(chan struct{}) })
	return p.ready
}

// Run keeps the kernel's rules in step with the API until ctx ends. It opens its sockets in the calling goroutine's network
// namespace. When it returns the rules stay.
func (p *Proxy) Run(ctx context.Context) (err error) {
	p.setDefaults()
	p.backend, err = openBackend(p.Mode, p.ClusterCIDRs)
	if err != nil {
		return fmt.Errorf("starting the service proxy: %w", err)
	}
	defer func() { err = errors.Join(err, p.backend.Close()) }()
	log := logr.FromContextOrDiscard(ctx).WithName("proxy")
	ctx = logr.NewContext(ctx, log)
	p.routes, err = openServiceRoutes(ctx, p.ServiceCIDRs, p.NodeIPs)
	if err != nil {
		return fmt.Errorf("starting the service proxy: %w", err)
	}
	defer p.routes.close()
	p.route(log)
	p.flows = openFlows(p.NodeIPs)
	defer p.flows.close()
	if err := p.healthz.listen(p.HealthzAddress); err != nil {
		log.Error(err, "Load balancers cannot ask for the proxy's health")
	}
	defer p.healthz.close()
	defer p.health.close()
	stop, err := p.inputs.start(ctx, p.Cache)
	if err != nil {
		return fmt.Errorf("starting the service proxy: %w", err)
	}
	defer stop()
	log.Info("Started", "mode", p.backend.Name())
	p.loop(ctx)
	return nil
}

func (p *Proxy) setDefaults() {
	if p.Clock == nil {
		p.Clock = clock.RealClock{}
	}
	p.state = rules.NewState()
	p.inputs = newInputs(p.NodeName)
	p.pace = newPace(p.Clock, burst, perSecond)
	p.health = newHealthServers(p.Recorder)
	p.healthz = newHealthz(p.Clock)
}

// loop syncs whenever something has changed, after a failure again, and not at all when nothing happens.
func (p *Proxy) loop(ctx context.Context) {
	log := logr.FromContextOrDiscard(ctx)
	complete := false // whether the kernel has everything up to the last Take
	var pods []netip.Prefix
	var retry, resubscribe <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.routes.changed:
			p.route(log)
			continue
		case <-p.routes.lost:
			p.routes.lost, resubscribe = nil, p.Clock.After(retryDelay)
			continue
		case <-resubscribe:
			resubscribe = nil
			if err := p.routes.subscribe(ctx); err != nil {
				log.Error(err, "Changes of the node's links go unnoticed", "again", retryDelay)
				resubscribe = p.Clock.After(retryDelay)
			}
			p.route(log)
			continue
		case <-p.inputs.wake:
		case <-retry:
		}
		if !p.pace.wait(ctx) {
			return
		}
		p.inputs.update(p.state)
		change := p.state.Take()
		if own := p.inputs.ownPods(); !slices.Equal(own, pods) {
			pods, complete = own, false
			p.backend.SetPodCIDRs(own)
		}
		err := p.apply(ctx, &change, complete)
		if complete = err == nil; err != nil {
			log.Error(err, "The rules could not be changed; all will be written anew", "after", retryDelay)
			retry = p.Clock.After(retryDelay)
			continue
		}
		retry = nil
		p.announce()
		if err := p.flows.forget(p.state, &change); err != nil {
			log.Error(err, "Stale UDP flows may linger")
		}
		p.health.update(ctx, p.state.HealthChecks())
		p.healthz.setNode(p.inputs.nodeGoing())
	}
}

// route routes cluster IPs. A machine without a network has nowhere to route them to.
func (p *Proxy) route(log logr.Logger) {
	if err := p.routes.set(); err != nil {
		log.Error(err, "The node's own processes may not reach cluster IPs")
	}
}

// announce says that the kernel has what the API says.
func (p *Proxy) announce() {
	p.healthz.synced()
	select {
	case <-p.Ready():
	default:
		close(p.ready)
	}
}

func (p *Proxy) apply(ctx context.Context, c *rules.Change, complete bool) error {
	switch {
	case !complete:
		return p.backend.Replace(ctx, p.state.Everything())
	case c.Empty():
		return nil
	default:
		return p.backend.Apply(ctx, *c)
	}
}

// Cleanup removes what any mode of the proxy has ever put into the kernel, routes included. The proxy must not be running.
func (p *Proxy) Cleanup(ctx context.Context) error {
	errs := []error{unrouteServices(p.ServiceCIDRs)}
	for _, o := range openers() {
		b, err := o.open(p.ClusterCIDRs)
		if err != nil {
			continue // the kernel has nothing of a mode that it does not know
		}
		errs = append(errs, b.Cleanup(ctx), b.Close())
	}
	return errors.Join(errs...)
}
