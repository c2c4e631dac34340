package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/containerd"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/kubelet"
	"github.com/coxswain-k8s/coxswain/network"
	"github.com/coxswain-k8s/coxswain/network/dns"
	"github.com/coxswain-k8s/coxswain/network/fabric"
	"github.com/coxswain-k8s/coxswain/proxy"
)

// machineNode is what the parts of this machine's node share.
type machineNode struct {
	*controlPlane
	cache    cache.Cache
	runtime  *containerd.Runtime // nil where an outside one is used
	endpoint string
	imported chan struct{} // closed when the images that were named are there
}

// newNode lists the parts of this machine's node.
func (c *controlPlane) newNode(ctx context.Context, shared cache.Cache) ([]component, error) {
	n := &machineNode{controlPlane: c, cache: shared, endpoint: c.options.ContainerRuntimeEndpoint, imported: make(chan struct{})}
	var parts []component
	if n.endpoint == "" {
		own, err := n.ownRuntime()
		if err != nil {
			return nil, err
		}
		parts = append(parts, own, component{"images", n.importImages})
	}
	if c.options.Enabled(Network) {
		own := &network.Network{
			Cache: shared, NodeName: c.options.NodeName, ClusterCIDRs: prefixes(c.options.ClusterCIDR),
			Fabric: &fabric.Fabric{Cache: shared, NodeName: c.options.NodeName, Mode: fabric.Mode(c.options.PodNetwork)},
		}
		parts = append(parts, component{"network", own.Run})
	}
	if c.options.Enabled(Proxy) {
		part, err := n.newProxy()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if c.options.Enabled(DNS) {
		part, err := n.newDNS()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	part, err := n.newKubelet(ctx)
	return append(parts, part), err
}

// ownRuntime prepares the containerd that this executable carries. It is unpacked when it runs, so that the API server
// does not wait for that.
func (n *machineNode) ownRuntime() (component, error) {
	bundle, err := programs.Find(ProgramsDir(n.options.DataDir))
	if err != nil {
		return component{}, err
	}
	registries, err := containerd.ReadRegistries(n.options.Registries)
	if err != nil {
		return component{}, err
	}
	n.runtime = &containerd.Runtime{
		Programs: bundle.Dir, Root: filepath.Join(n.options.DataDir, "containerd", "root"), State: RuntimeState, CNIBin: bundle.Dir, CNIConf: "/etc/cni/net.d",
		Registries: registries,
	}
	n.endpoint = n.runtime.Endpoint()
	return component{"containerd", func(ctx context.Context) error {
		if err := bundle.Unpack(); err != nil {
			return err
		}
		return n.runtime.Run(ctx)
	}}, n.runtime.Prepare()
}

// importImages brings in the pause image and the archives that the user named, each once.
func (n *machineNode) importImages(ctx context.Context) error {
	select {
	case <-n.runtime.Ready():
	case <-ctx.Done():
		return nil
	}
	archives := append([]string{filepath.Join(n.runtime.Programs, "pause.tar"), filepath.Join(n.options.DataDir, "images")}, n.options.Images...)
	if err := n.runtime.ImportAll(ctx, archives...); err != nil && ctx.Err() == nil {
		return err
	}
	close(n.imported)
	<-ctx.Done()
	return nil
}

func (n *machineNode) newKubelet(context.Context) (component, error) {
	who := nodeIdentity(n.options.NodeName)
	writer, err := n.client(who, n.cache)
	if err != nil {
		return component{}, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("0.0.0.0", strconv.Itoa(n.options.KubeletPort)))
	if err != nil {
		return component{}, fmt.Errorf("opening the kubelet's port: %w; is another node running? --kubelet-port 0 picks a free one", err)
	}
	return component{"kubelet", func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, writer, "kubelet", n.options.NodeName)
		defer stop()
		if !n.awaitRuntime(ctx) {
			return listener.Close()
		}
		k := &kubelet.Kubelet{
			Client: writer, Cache: n.cache, Recorder: recorder, Clock: clock.RealClock{},
			NodeName: n.options.NodeName, NodeIP: n.options.NodeIP, Version: version.Version,
			RootDir: n.options.KubeletDir, CgroupRoot: n.options.CgroupRoot, RuntimeEndpoint: n.endpoint,
			ClusterDNS: []string{n.options.ClusterDNS}, ClusterDomain: n.options.ClusterDomain,
			ServerPort: int32(listener.Addr().(*net.TCPAddr).Port), ServerListener: listener, //nolint:gosec // a port fits
			ServerTLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{n.certificates.kubelet.TLS()}},
			ClientCAs: n.certificates.authority.Pool(),
		}
		return k.Run(ctx)
	}}, nil
}

// awaitRuntime returns once our own containerd serves and has the images that came with it, so that no pod asks a
// registry for one of them.
func (n *machineNode) awaitRuntime(ctx context.Context) bool {
	if n.runtime == nil {
		return true
	}
	select {
	case <-n.imported:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *machineNode) newProxy() (component, error) {
	writer, err := n.client(proxyIdentity(), n.cache)
	if err != nil {
		return component{}, err
	}
	return component{"proxy", func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, writer, "kube-proxy", n.options.NodeName)
		defer stop()
		p := &proxy.Proxy{
			Cache: n.cache, NodeName: n.options.NodeName, NodeIPs: []netip.Addr{netip.MustParseAddr(n.options.NodeIP)},
			ClusterCIDRs: prefixes(n.options.ClusterCIDR), ServiceCIDRs: prefixes(n.options.ServiceCIDR), Mode: n.options.ProxyMode, Recorder: recorder,
		}
		return p.Run(ctx)
	}}, nil
}

// newDNS runs the name server on the node's address and announces it; the Service kube-dns leads to it.
func (n *machineNode) newDNS() (component, error) {
	writer, err := n.client(dnsIdentity(), nil)
	if err != nil {
		return component{}, err
	}
	own := &dns.Node{
		Name: n.options.NodeName, Client: writer,
		Server: &dns.Server{
			Cache: n.cache, Domain: n.options.ClusterDomain, Listen: dns.Addresses([]netip.Addr{netip.MustParseAddr(n.options.NodeIP)}),
			OwnCIDRs:   append(prefixes(n.options.ClusterCIDR), prefixes(n.options.ServiceCIDR)...),
			ServiceIPs: []netip.Addr{netip.MustParseAddr(n.options.ClusterDNS)}, Clock: clock.RealClock{},
		},
	}
	return component{"dns", own.Run}, nil
}

// recorder writes core/v1 events as a component.
func (c *controlPlane) recorder(ctx context.Context, writer client.Client, name, host string) (record.EventRecorder, func()) {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(coreSink{ctx, writer})
	return broadcaster.NewRecorder(c.scheme, corev1.EventSource{Component: name, Host: host}), broadcaster.Shutdown
}

func prefixes(cidr string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(cidr)} }
