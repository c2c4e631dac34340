package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
	"github.com/coxswain-k8s/coxswain/cluster/recorders"
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

// RuntimeState is the folder in /run of our own containerd.
const RuntimeState = "/run/coxswain/containerd"

// Access is how the parts of a node reach the cluster, each under an identity of its own: in this process's memory or
// over the network.
type Access struct {
	Scheme  *runtime.Scheme
	Kubelet Reach
	Proxy   Reach // the pod network too: it reads the same objects
	DNS     Reach
	// Objects are the ConfigMaps and Secrets of pods; nil takes them from the kubelet's cache.
	Objects volume.ObjectSource
	// Serving is the kubelet's certificate, and clients are signed by the authorities in ClientCAs.
	Serving   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	ClientCAs *x509.CertPool
	// Pages of the kubelet's port that tell about the process.
	Pages map[string]http.Handler
}

// Reach is what one part of a node calls the API with.
type Reach struct {
	Client client.Client // reads from the cache where that is right
	Cache  cache.Cache
}

// Node is what the parts of this machine's node share.
type Node struct {
	*options.NodeOptions
	*options.Shared
	*Access
	runtime  *containerd.Runtime // nil where an outside one is used
	endpoint string
	imported chan struct{} // closed when the images that were named are there
	Ready    chan struct{} // closed when the node is registered and its pods are looked after
}

// New lists the parts of this machine's node.
func New(o *options.NodeOptions, shared *options.Shared, access *Access) (*Node, []parts.Part, error) {
	n := &Node{
		NodeOptions: o, Shared: shared, Access: access, endpoint: o.ContainerRuntimeEndpoint,
		imported: make(chan struct{}), Ready: make(chan struct{}),
	}
	var all []parts.Part
	if n.endpoint == "" {
		own, err := n.ownRuntime()
		if err != nil {
			return nil, nil, err
		}
		all = append(all, own, parts.Part{Name: "images", Run: n.importImages})
	}
	if o.Enabled(options.Network) {
		all = append(all, n.newNetwork(), n.newPolicy())
	}
	if o.Enabled(options.Proxy) {
		all = append(all, n.newProxy())
	}
	if o.Enabled(options.DNS) {
		all = append(all, n.newDNS())
	}
	if o.Enabled(options.LocalStorage) {
		all = append(all, n.newFolders())
	}
	part, err := n.newKubelet()
	return n, append(all, part), err
}

// ownRuntime prepares the containerd that this executable carries. It is unpacked when it runs, so that the API server
// does not wait for that.
func (n *Node) ownRuntime() (parts.Part, error) {
	bundle, err := programs.Find(datadir.Programs(n.DataDir))
	if err != nil {
		return parts.Part{}, err
	}
	registries, err := containerd.ReadRegistries(n.Registries)
	if err != nil {
		return parts.Part{}, err
	}
	n.runtime = &containerd.Runtime{
		Programs: bundle.Dir, Root: filepath.Join(n.DataDir, "containerd", "root"), State: RuntimeState, CNIBin: bundle.Dir, CNIConf: "/etc/cni/net.d",
		Registries: registries,
	}
	n.endpoint = n.runtime.Endpoint()
	return parts.Part{Name: "containerd", Run: func(ctx context.Context) error {
		if err := bundle.Unpack(); err != nil {
			return err
		}
		return n.runtime.Run(ctx)
	}}, n.runtime.Prepare()
}

// importImages brings in the pause image and the archives that the user named, each once.
func (n *Node) importImages(ctx context.Context) error {
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

func (n *Node) newKubelet() (parts.Part, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("0.0.0.0", strconv.Itoa(n.KubeletPort)))
	if err != nil {
		return parts.Part{}, fmt.Errorf("opening the kubelet's port: %w; is another node running? --kubelet-port 0 picks a free one", err)
	}
	return parts.Part{Name: "kubelet", Run: func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, n.Kubelet.Client, "kubelet")
		defer stop()
		if !n.awaitRuntime(ctx) {
			return listener.Close()
		}
		k := &kubelet.Kubelet{
			Client: n.Kubelet.Client, Cache: n.Kubelet.Cache, Objects: n.Objects, Recorder: recorder, Clock: clock.RealClock{},
			NodeName: n.NodeName, NodeIP: n.NodeIP, Version: version.Version,
			RootDir: n.KubeletDir, CgroupRoot: n.CgroupRoot, RuntimeEndpoint: n.endpoint,
			ClusterDNS: []string{n.ClusterDNS}, ClusterDomain: n.ClusterDomain,
			ServerPort: int32(listener.Addr().(*net.TCPAddr).Port), ServerListener: listener, //nolint:gosec // a port fits
			ServerTLS: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: n.Serving},
			ClientCAs: n.ClientCAs, Pages: n.Pages,
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
func (n *Node) announceReady(ctx context.Context, ready <-chan struct{}) {
	select {
	case <-ready:
		close(n.Ready)
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
func (n *Node) awaitRuntime(ctx context.Context) bool {
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

func (n *Node) newNetwork() parts.Part {
	mode, _ := fabric.ParseMode(n.PodNetwork) // it was validated
	own := &network.Network{
		Cache: n.Proxy.Cache, NodeName: n.NodeName, ClusterCIDRs: options.Prefixes(n.ClusterCIDR),
		Fabric: &fabric.Fabric{Cache: n.Proxy.Cache, NodeName: n.NodeName, Mode: mode, Clock: clock.RealClock{}},
	}
	return parts.Part{Name: "network", Run: own.Run}
}

// newPolicy enforces network policies. Where there are none it watches nothing else.
func (n *Node) newPolicy() parts.Part {
	own := &policy.Enforcer{Cache: n.Proxy.Cache, NodeName: n.NodeName, Clock: clock.RealClock{}}
	return parts.Part{Name: "policy", Run: own.Run}
}

func (n *Node) newProxy() parts.Part {
	return parts.Part{Name: "proxy", Run: func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, n.Proxy.Client, "kube-proxy")
		defer stop()
		p := &proxy.Proxy{
			Cache: n.Proxy.Cache, NodeName: n.NodeName, NodeIPs: []netip.Addr{netip.MustParseAddr(n.NodeIP)},
			ClusterCIDRs: options.Prefixes(n.ClusterCIDR), ServiceCIDRs: options.Prefixes(n.ServiceCIDR), Mode: n.ProxyMode, Recorder: recorder,
		}
		return p.Run(ctx)
	}}
}

// newDNS runs the name server on the node's address; the Service kube-dns leads the node's pods to it.
func (n *Node) newDNS() parts.Part {
	return parts.Part{Name: "dns", Run: func(ctx context.Context) error {
		server := &dns.Node{Name: n.NodeName, Client: n.DNS.Client, Server: &dns.Server{
			Cache: n.DNS.Cache, Domain: n.ClusterDomain, Listen: dns.Addresses([]netip.Addr{netip.MustParseAddr(n.NodeIP)}),
			OwnCIDRs:   append(options.Prefixes(n.ClusterCIDR), options.Prefixes(n.ServiceCIDR)...),
			ServiceIPs: []netip.Addr{netip.MustParseAddr(n.ClusterDNS)}, Clock: clock.RealClock{},
		}}
		return server.Run(ctx)
	}}
}

// newFolders looks after the volumes on this machine's own disk.
func (n *Node) newFolders() parts.Part {
	return parts.Part{Name: "local-storage", Run: func(ctx context.Context) error {
		recorder, stop := n.recorder(ctx, n.Kubelet.Client, localpath.Provisioner)
		defer stop()
		f := &folders.Folders{Client: n.Kubelet.Client, Cache: n.Kubelet.Cache, Recorder: recorder, NodeName: n.NodeName, Root: filepath.Join(n.DataDir, "storage")}
		return f.Run(ctx)
	}}
}

// Recorder writes core/v1 events as a component of this node.
func (n *Node) recorder(ctx context.Context, writer client.Client, name string) (record.EventRecorder, func()) {
	return recorders.NewRecorder(ctx, writer, n.Scheme, corev1.EventSource{Component: name, Host: n.NodeName})
}
