package network

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/network/cni"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
	"github.com/coxswain-k8s/coxswain/network/subscription"
)

// Defaults of Network.
const (
	defaultConfigFile  = "/etc/cni/net.d/10-coxswain.conflist"
	defaultNetworkName = "coxswain"
)

// Network is the pod network of one node.
type Network struct {
	// Cache gives the informer of Nodes.
	Cache cache.Cache
	// NodeName is the node whose pods these are.
	NodeName string
	// ClusterCIDRs are the networks of all pods of the cluster; inside of them a pod shows its own address.
	ClusterCIDRs []netip.Prefix
	// Bridge is the name of the link that the node's pods share. Default: cni0.
	Bridge string
	// MTU of pods. Default: what the fabric says, or the kernel's.
	MTU int
	// ConfigFile is where the runtime looks for the network. Default: /etc/cni/net.d/10-coxswain.conflist.
	ConfigFile string
	// DataDir is where the plugin keeps the addresses in use. Default: /run/coxswain/cni.
	DataDir string
	// Fabric makes the pods of other nodes reachable. Default: nothing is done, which is right for a cluster of one node.
	Fabric Fabric

	started sync.Once
	ready   chan struct{}
}

// Fabric carries packets between the nodes of a cluster: by routes to their addresses, by a tunnel, or not at all.
type Fabric interface {
	// Run keeps the ways to the other nodes' pods until ctx ends. own is the node's share of the pods' networks. It announces the ways
	// once they are there, and again whenever they are others. The runtime learns of the network after the first time.
	Run(ctx context.Context, own []netip.Prefix, announce func(Ways)) error
}

// Ways is what the rest of the network must know of a fabric.
type Ways struct {
	// MTU of pods, so that what they send fits into every way. Zero: the kernel's default.
	MTU int
	// Nodes are the addresses of other nodes that pods reach without masquerading.
	Nodes []netip.Addr
}

// Ready is closed when the runtime can put pods on the network. It may be called before Run.
func (n *Network) Ready() <-chan struct{} {
	n.started.Do(func() { n.ready = make(chan struct{}) })
	return n.ready
}

// Run keeps the node's network configured until ctx ends. It leaves everything in place: pods outlive the server.
func (n *Network) Run(ctx context.Context) error {
	log := logr.FromContextOrDiscard(ctx).WithName("network")

	shares := make(chan []netip.Prefix, 1)
	stop, err := n.watch(ctx, shares)
	if err != nil {
		return fmt.Errorf("starting the pod network: %w", err)
	}
	defer stop()
	if err := cni.CollectVanished(n.dataDir(), defaultNetworkName); err != nil {
		log.Error(err, "Addresses of vanished containers were not collected")
	}
	var own []netip.Prefix
	configured := false
	fabric := newRunner(n.Fabric)
	defer fabric.stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-fabric.failed:
			return fmt.Errorf("running the network between nodes: %w", err)
		case next := <-shares:
			if !slices.Equal(own, next) {
				own = next
				fabric.restart(ctx, own)
			}
		case ways := <-fabric.ways:
			if err := n.configure(own, ways); err != nil {
				return fmt.Errorf("configuring the pod network: %w", err)
			}
			if !configured {
				if err := packetfilter.AcceptForwarded(ctx, n.networks(own)); err != nil {
					log.Error(err, "A firewall of this machine may drop what pods send")
				}
				configured = true
			}
			log.Info("The pod network is configured", "podCIDRs", own, "mtu", cmp.Or(n.MTU, ways.MTU))
			n.announce()
		}
	}
}

func (n *Network) bridge() string     { return cmp.Or(n.Bridge, cni.DefaultBridge) }
func (n *Network) configFile() string { return cmp.Or(n.ConfigFile, defaultConfigFile) }
func (n *Network) dataDir() string    { return cmp.Or(n.DataDir, cni.DefaultDataDir) }

func (n *Network) announce() {
	select {
	case <-n.Ready():
	default:
		close(n.ready)
	}
}

// configure prepares the kernel first: the runtime uses the network as soon as the file is there.
func (n *Network) configure(own []netip.Prefix, ways Ways) error {
	if err := cni.EnableForwarding(own); err != nil {
		return err
	}
	if err := packetfilter.Masquerade(own, n.ClusterCIDRs, ways.Nodes); err != nil {
		return err
	}
	return n.writeConfig(own, cmp.Or(n.MTU, ways.MTU))
}

// networks are those of the cluster's pods, and this node's where it is none of them.
func (n *Network) networks(own []netip.Prefix) []netip.Prefix {
	out := slices.Clone(n.ClusterCIDRs)
	for _, c := range own {
		if !slices.ContainsFunc(n.ClusterCIDRs, func(o netip.Prefix) bool { return o.Overlaps(c) }) {
			out = append(out, c)
		}
	}
	return out
}

// watch sends the node's share of the pods' networks whenever it is known and may have changed; only the latest waits to be read.
func (n *Network) watch(ctx context.Context, shares chan []netip.Prefix) (stop func(), err error) {
	seen := func(node *corev1.Node) {
		if own := podCIDRs(node); node.Name == n.NodeName && len(own) > 0 {
			select {
			case <-shares:
			default:
			}
			shares <- own
		}
	}
	nodes, err := subscription.Open(ctx, n.Cache, subscription.Kind{Object: &corev1.Node{}, Handler: subscription.Handler(seen, nil)})
	if err != nil {
		return nil, err
	}
	return nodes.Stop, nil
}

// podCIDRs are the node's share, of each family at most one.
func podCIDRs(node *corev1.Node) []netip.Prefix {
	all := node.Spec.PodCIDRs
	if len(all) == 0 && node.Spec.PodCIDR != "" {
		all = []string{node.Spec.PodCIDR}
	}
	var out []netip.Prefix
	for _, s := range all {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}
