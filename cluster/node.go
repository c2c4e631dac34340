package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/containerd"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/controllers/localpath/folders"
	"github.com/coxswain-k8s/coxswain/kubelet"
	"github.com/coxswain-k8s/coxswain/kubelet/volume"
	"github.com/coxswain-k8s/coxswain/network"
	"github.com/coxswain-k8s/coxswain/network/dns"
	"github.com/coxswain-k8s/coxswain/network/fabric"
	"github.com/coxswain-k8s/coxswain/network/policy"
	"github.com/coxswain-k8s/coxswain/proxy"
)

// nodeAccess is how the parts of a node reach the cluster, each under an identity of its own: in this process's memory or
// over the network.
type nodeAccess struct {
	scheme  *runtime.Scheme
	kubelet nodePart
	proxy   nodePart // the pod network too: it reads the same objects
	dns     nodePart
	// objects are the ConfigMaps and Secrets of pods; nil takes them from the kubelet's cache.
	objects volume.ObjectSource
	// serving is the kubelet's certificate, and clients are signed by the authorities in clientCAs.
	serving   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	clientCAs *x509.CertPool
}

// nodePart is what one part of a node calls the API with.
type nodePart struct {
	client client.Client // reads from the cache where that is right
	cache  cache.Cache
}

// machineNode is what the parts of this machine's node share.
type machineNode struct {
	*options.NodeOptions
	*options.Shared
	*nodeAccess
	runtime  *containerd.Runtime // nil where an outside one is used
	endpoint string
	imported chan struct{} // closed when the images that were named are there
	ready    chan struct{} // closed when the node is registered and its pods are looked after
}

// newNode lists the parts of this machine's node.
func newNode(o *options.NodeOptions, shared *options.Shared, access *nodeAccess) (*machineNode, []component, error) {
	n := &machineNode{
		NodeOptions: o, Shared: shared, nodeAccess: access, endpoint: o.ContainerRuntimeEndpoint,
		imported: make(chan struct{}), ready: make(chan struct{}),
	}
	var parts []component
	if n.endpoint == "" {
		own, err := n.ownRuntime()
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, own, component{"images", n.importImages})
	}
	if o.Enabled(Network) {
		parts = append(parts, n.newNetwork(), n.newPolicy())
	}
	if o.Enabled(Proxy) {
		parts = append(parts, n.newProxy())
	}
	if o.Enabled(DNS) {
		parts = append(parts, n.newDNS())
	}
	if o.Enabled(LocalStorage) {
		parts = append(parts, n.newFolders())
	}
	part, err := n.newKubelet()
	return n, append(parts, part), err
}

// ownRuntime prepares the containerd that this executable carries. It is unpacked when it runs, so that the API server
// does not wait for that.
func (n *machineNode) ownRuntime() (component, error) {
	bundle, err := programs.Find(ProgramsDir(n.DataDir))
	if err != nil {
		return component{}, err
	}
	registries, err := containerd.ReadRegistries(n.Registries)
	if err != nil {
		return component{}, err
	}
	n.runtime = &containerd.Runtime{
		Programs: bundle.Dir, Root: filepath.Join(n.DataDir, "containerd", "root"), State: RuntimeState, CNIBin: bundle.Dir, CNIConf: "/etc/cni/net.d",
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
	archives := append([]string{filepath.Join(n.runtime.Programs, "pause.tar"), filepath.Join(n.DataDir, "images")}, n.Images...)
	if err := n.runtime.ImportAll(ctx, archives...); err != nil && ctx.Err() == nil {
		return err
	}
	close(n.imported)
	<-ctx.Done()
	return nil
}

func (n *machineNode) newKubelet() (component, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("0.0.0.0", strconv.Itoa(n.KubeletPort)))
	if err != nil {
		return component{}, fmt.Errorf("opening the kubelet's port: %w; is another node running? --kubelet-port 0 picks a free one", err)
	}
	return component{"kubelet", func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, n.kubelet.client, "kubelet")
		defer stop()
		if !n.awaitRuntime(ctx) {
			return listener.Close()
		}
		k := &kubelet.Kubelet{
			Client: n.kubelet.client, Cache: n.kubelet.cache, Objects: n.objects, Recorder: recorder, Clock: clock.RealClock{},
			NodeName: n.NodeName, NodeIP: n.NodeIP, Version: version.Version,
			RootDir: n.KubeletDir, CgroupRoot: n.CgroupRoot, RuntimeEndpoint: n.endpoint,
			ClusterDNS: []string{n.ClusterDNS}, ClusterDomain: n.ClusterDomain,
			ServerPort: int32(listener.Addr().(*net.TCPAddr).Port), ServerListener: listener, //nolint:gosec // a port fits
			ServerTLS: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: n.serving},
			ClientCAs: n.clientCAs,
		}
		if err := configureKubelet(k, n.KubeletConfig); err != nil {
			return errors.Join(err, listener.Close())
		}
		if n.CloudProvider == options.ExternalCloud {
			k.ExternalCloud()
		}
		k.Default()
		go n.announceReady(ctx, k.Ready())
		return k.Run(ctx)
	}}, nil
}

// announceReady passes on that the kubelet is ready.
func (n *machineNode) announceReady(ctx context.Context, ready <-chan struct{}) {
	select {
	case <-ready:
		close(n.ready)
	case <-ctx.Done():
	}
}

// configureKubelet reads the user's own KubeletConfiguration.
func configureKubelet(k *kubelet.Kubelet, file string) error {
	if file == "" {
		return nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading --kubelet-config: %w", err)
	}
	return k.Configure(raw)
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

func (n *machineNode) newNetwork() component {
	mode, _ := fabric.ParseMode(n.PodNetwork) // it was validated
	own := &network.Network{
		Cache: n.proxy.cache, NodeName: n.NodeName, ClusterCIDRs: prefixes(n.ClusterCIDR),
		Fabric: &fabric.Fabric{Cache: n.proxy.cache, NodeName: n.NodeName, Mode: mode, Clock: clock.RealClock{}},
	}
	return component{"network", own.Run}
}

// newPolicy enforces network policies. Where there are none it watches nothing else.
func (n *machineNode) newPolicy() component {
	own := &policy.Enforcer{Cache: n.proxy.cache, NodeName: n.NodeName, Clock: clock.RealClock{}}
	return component{"policy", own.Run}
}

func (n *machineNode) newProxy() component {
	return component{"proxy", func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, n.proxy.client, "kube-proxy")
		defer stop()
		p := &proxy.Proxy{
			Cache: n.proxy.cache, NodeName: n.NodeName, NodeIPs: []netip.Addr{netip.MustParseAddr(n.NodeIP)},
			ClusterCIDRs: prefixes(n.ClusterCIDR), ServiceCIDRs: prefixes(n.ServiceCIDR), Mode: n.ProxyMode, Recorder: recorder,
		}
		return p.Run(ctx)
	}}
}

// newDNS runs the name server on the node's address; the Service kube-dns leads the node's pods to it.
func (n *machineNode) newDNS() component {
	return component{"dns", func(ctx context.Context) error {
		server := &dns.Node{Name: n.NodeName, Client: n.dns.client, Server: &dns.Server{
			Cache: n.dns.cache, Domain: n.ClusterDomain, Listen: dns.Addresses([]netip.Addr{netip.MustParseAddr(n.NodeIP)}),
			OwnCIDRs:   append(prefixes(n.ClusterCIDR), prefixes(n.ServiceCIDR)...),
			ServiceIPs: []netip.Addr{netip.MustParseAddr(n.ClusterDNS)}, Clock: clock.RealClock{},
		}}
		return server.Run(ctx)
	}}
}

// newFolders looks after the volumes on this machine's own disk.
func (n *machineNode) newFolders() component {
	return component{"local-storage", func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, n.kubelet.client, localpath.Provisioner)
		defer stop()
		f := &folders.Folders{Client: n.kubelet.client, Cache: n.kubelet.cache, Recorder: recorder, NodeName: n.NodeName, Root: filepath.Join(n.DataDir, "storage")}
		return f.Run(ctx)
	}}
}

// recorder writes core/v1 events as a component of this node.
func (n *machineNode) recorder(ctx context.Context, writer client.Client, name string) (record.EventRecorder, func()) {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(coreSink{ctx, writer})
	return broadcaster.NewRecorder(n.scheme, corev1.EventSource{Component: name, Host: n.NodeName}), broadcaster.Shutdown
}

func prefixes(cidr string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(cidr)} }
