package fabric

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/network"
)

// Defaults of the tunnel. The port is Linux's own for VXLAN, which the firewalls of other distributions' clusters already let pass.
const (
	defaultVXLANPort = 8472
	defaultVNI       = 1093
)

// retryDelay is how long after a failure the kernel is asked again, should no event come before.
const retryDelay = 2 * time.Second

// Fabric is one node's ways to the pods of the other nodes. It is a network.Fabric.
type Fabric struct {
	// Cache gives the informer of Nodes.
	Cache cache.Cache
	// NodeName is the node that this is.
	NodeName string
	// Mode says how packets travel. Default: Auto.
	Mode Mode
	// VXLANPort is the UDP port of the tunnel, the same on all nodes. Default: 8472.
	VXLANPort int
	// VNI tells the cluster's tunnel from others with the same port. Default: 1093.
	VNI int
	// Clock is for tests. Default: the real one.
	Clock clock.Clock

	peers  *peers
	kernel *kernel
	// subscribe is watch, except in tests.
	subscribe func(ctx context.Context, wake func()) (lost <-chan struct{}, err error)
	woken     chan struct{}
	joined    chan struct{} // like woken, for what other nodes say
	last      plan
	known     bool // whether last says what was announced
}

// ParseMode reads a mode as a user spells it; nothing means Auto.
func ParseMode(s string) (Mode, error) {
	m := Mode(cmp.Or(s, string(Auto)))
	if !slices.Contains([]Mode{Auto, HostGW, VXLAN}, m) {
		return "", fmt.Errorf("unknown pod network %q: want %s, %s or %s", s, Auto, HostGW, VXLAN)
	}
	return m, nil
}

// Run keeps the ways to other nodes' pods until ctx ends, and leaves them in place. It opens its sockets in the calling goroutine's
// network namespace.
func (f *Fabric) Run(ctx context.Context, own []netip.Prefix, announce func(network.Ways)) (err error) {
	f.setDefaults()
	log := logr.FromContextOrDiscard(ctx).WithName("fabric")
	if f.kernel, err = openKernel(f.VXLANPort, f.VNI); err != nil {
		return err
	}
	defer f.kernel.close()
	ctx, stopEvents := context.WithCancel(ctx)
	defer stopEvents()
	lost, err := f.subscribe(ctx, f.wake)
	if err != nil {
		return err
	}
	stop, err := f.peers.watch(ctx, f.Cache)
	if err != nil {
		return err
	}
	defer stop()
	f.wake()
	w := &waiting{lost: lost}
	for f.await(ctx, w, log) {
		next, err := f.sync(own)
		if w.synced = f.Clock.Now(); err != nil {
			log.Error(err, "Some nodes' pods may not be reachable", "again", retryDelay)
			w.retry = f.Clock.After(retryDelay)
		}
		if next != nil {
			f.tell(log, *next, announce)
		}
	}
	return nil
}

// waiting is what the next sync comes from, besides being woken.
type waiting struct {
	lost <-chan struct{} // nobody tells of changes of the node's links any more
	// When to try again, to ask to be told again, and to look at nodes that have joined.
	retry, resubscribe, later <-chan time.Time
	synced                    time.Time
}

// await returns when there is something to sync, or false when ctx has ended. Nodes that join are taken together: the more there are, the
// longer after the last sync.
func (f *Fabric) await(ctx context.Context, w *waiting, log logr.Logger) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-f.woken:
		case <-w.retry:
		case <-w.later:
		case <-f.joined:
			if rest := pause(f.peers.count()) - f.Clock.Since(w.synced); w.later == nil && rest > 0 {
				w.later = f.Clock.After(rest)
			}
			if w.later != nil {
				continue
			}
		case <-w.lost:
			w.lost, w.resubscribe = nil, f.Clock.After(retryDelay)
			continue
		case <-w.resubscribe:
			w.resubscribe = nil
			var err error
			if w.lost, err = f.subscribe(ctx, f.wake); err != nil {
				log.Error(err, "Changes of the node's links go unnoticed", "again", retryDelay)
				w.resubscribe = f.Clock.After(retryDelay)
			}
		}
		w.retry, w.later = nil, nil
		return ctx.Err() == nil // or else perhaps before all nodes were known: nothing is to be removed
	}
}

func (f *Fabric) setDefaults() {
	f.Mode = cmp.Or(f.Mode, Auto)
	f.VXLANPort = cmp.Or(f.VXLANPort, defaultVXLANPort)
	f.VNI = cmp.Or(f.VNI, defaultVNI)
	if f.Clock == nil {
		f.Clock = clock.RealClock{}
	}
	if f.subscribe == nil {
		f.subscribe = watch
	}
	f.woken = make(chan struct{}, 1)
	f.joined = make(chan struct{}, 1)
	f.peers = &peers{self: f.NodeName, wake: f.wake, join: f.join, all: map[string]peer{}}
	f.known = false
}

func (f *Fabric) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

func (f *Fabric) join() {
	select {
	case f.joined <- struct{}{}:
	default:
	}
}

// What is done about other nodes costs the more the more there are: all their routes are read, and all their addresses written. So that
// many that come do not cost their square, it is done again a millisecond later for each, unless they are few.
const (
	pauseForNode = time.Millisecond
	longestPause = 5 * time.Second
	fewNodes     = 50
)

// pause is how long there is between one sync and the next because of other nodes.
func pause(nodes int) time.Duration {
	if nodes <= fewNodes {
		return 0
	}
	return min(time.Duration(nodes)*pauseForNode, longestPause)
}

// sync makes the kernel have what there should be. Without a plan, for want of knowing the links, all stays as it is.
func (f *Fabric) sync(own []netip.Prefix) (*plan, error) {
	self, others := f.peers.split(f.NodeName)
	self.podCIDRs = own
	links, err := f.kernel.links()
	if err != nil {
		return nil, err
	}
	s := situation{mode: f.Mode, own: self, links: links}
	next := makePlan(s, others)
	if uplink, ok := s.uplink(); ok && !uplink.up {
		return &next, nil // the kernel takes no route over a link that is down, and tells when it goes up
	}
	return &next, f.kernel.apply(next, own)
}

// tell announces what has changed.
func (f *Fabric) tell(log logr.Logger, next plan, announce func(network.Ways)) {
	if !f.known || f.last.mtu != next.mtu || !slices.Equal(f.last.reached, next.reached) {
		announce(network.Ways{MTU: next.mtu, Nodes: next.reached})
		log.Info("Ways to other nodes", "routes", len(next.routes), "tunnel", next.tunnel != nil, "mtu", next.mtu)
	}
	if !slices.Equal(f.last.unreachable, next.unreachable) && len(next.unreachable) > 0 {
		log.Info("No way to the pods of some nodes: they are not on a link of this node", "nodes", next.unreachable, "mode", f.Mode)
	}
	f.last, f.known = next, true
}
