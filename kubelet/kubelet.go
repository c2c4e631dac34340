package kubelet

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/kubelet/cgroup"
	"github.com/coxswain-k8s/coxswain/kubelet/hooks"
	"github.com/coxswain-k8s/coxswain/kubelet/images"
	"github.com/coxswain-k8s/coxswain/kubelet/node"
	"github.com/coxswain-k8s/coxswain/kubelet/pressure"
	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/kubelet/status"
	"github.com/coxswain-k8s/coxswain/kubelet/volume"
)

// Kubelet runs the pods of one node. Its exported fields are inputs; Default fills in the optional ones.
type Kubelet struct {
	// Client reads (from a cache, if it likes) and writes the API. Required.
	Client client.Client
	// Cache watches pods and this node; it should be configured to hold only this node's. Required.
	Cache cache.Cache
	// Objects reads and watches ConfigMaps and Secrets; by default from Cache, which then has to hold all of them.
	Objects volume.ObjectSource
	// Recorder records events. Required.
	Recorder record.EventRecorder
	// Clock defaults to the real one.
	Clock clock.WithTickerAndDelayedExecution

	// NodeName is the name of this node, NodeIP its address. Required. NodeIPs are all addresses, NodeIP alone by default.
	NodeName, NodeIP string
	NodeIPs          []string
	// NodeLabels and Taints are given to the node when it registers.
	NodeLabels map[string]string
	Taints     []corev1.Taint
	// CloudAddresses leaves the addresses of the Node to a cloud, once it has some.
	CloudAddresses bool
	// Reserved is kept from pods: allocatable is what is left.
	Reserved corev1.ResourceList
	// MaxPods defaults to 110.
	MaxPods int
	// Version is what the node reports, "v1.36.3" say. Required.
	Version string

	// RootDir defaults to /var/lib/kubelet, LogDir to /var/log/pods, ContainerLogDir (links to current logs) to /var/log/containers.
	RootDir, LogDir, ContainerLogDir string
	// RuntimeEndpoint is the runtime's socket, default unix:///run/containerd/containerd.sock.
	RuntimeEndpoint string
	// CgroupRoot is the control group that all pods are below, default "/".
	CgroupRoot string
	// ClusterDNS and ClusterDomain (default cluster.local) make pods' resolvers. ResolvConf defaults to /etc/resolv.conf.
	ClusterDNS    []string
	ClusterDomain string
	ResolvConf    string
	// SeccompDefault runs containers that ask for no profile with the runtime's default one.
	SeccompDefault bool
	// AllowedUnsafeSysctls are sysctls, or prefixes ending in *, that pods may set beside the safe ones.
	AllowedUnsafeSysctls []string
	// ContainerLogMaxSize (default 10 MiB) and ContainerLogMaxFiles (default 5) bound a container's logs.
	ContainerLogMaxSize  int64
	ContainerLogMaxFiles int

	// Eviction is what must stay free, by default what upstream keeps free.
	Eviction *pressure.Thresholds
	// ImageGCHigh and ImageGCLow (default 85 and 80) are how full, in percent, the file system of the images may get before
	// unused ones go, and down to what.
	ImageGCHigh, ImageGCLow uint64

	// ServerPort is the kubelet's port, default 10250. The server runs when ServerTLS is given; ServerListener replaces the port's own listener.
	ServerPort     int32
	ServerListener net.Listener
	ServerTLS      *tls.Config
	ClientCAs      *x509.CertPool
	// Metrics is what /metrics shows.
	Metrics prometheus.Gatherer
	// Pages are further paths of the port.
	Pages map[string]http.Handler

	ctx       context.Context // of Run: workers' goroutines belong to it
	log       logr.Logger
	stopped   atomic.Bool
	wg        sync.WaitGroup
	startedAt time.Time
	runtime   *runtime.Client
	node      runtime.NodeInput
	machine   node.Machine
	cgroups   *cgroup.Tree
	images    *images.Puller
	imageGC   *images.Collector
	volumes   *volume.Manager
	probes    *probe.Manager
	statuses  *status.Writer
	registrar *node.Registrar
	hooks     *hooks.Runner
	ready     chan struct{}
	readyOnce sync.Once

	mu       sync.Mutex
	workers  map[types.UID]*worker
	admitted map[types.UID]*corev1.Pod
}

// Default fills in the inputs that are not set.
func (k *Kubelet) Default() {
	k.RootDir = cmp.Or(k.RootDir, "/var/lib/kubelet")
	k.LogDir = cmp.Or(k.LogDir, "/var/log/pods")
	k.ContainerLogDir = cmp.Or(k.ContainerLogDir, "/var/log/containers")
	k.RuntimeEndpoint = cmp.Or(k.RuntimeEndpoint, "unix:///run/containerd/containerd.sock")
	k.CgroupRoot = cmp.Or(k.CgroupRoot, "/")
	k.ClusterDomain = cmp.Or(k.ClusterDomain, "cluster.local")
	k.ResolvConf = cmp.Or(k.ResolvConf, "/etc/resolv.conf")
	k.MaxPods = cmp.Or(k.MaxPods, 110)
	k.ServerPort = cmp.Or(k.ServerPort, 10250)
	k.ContainerLogMaxSize = cmp.Or(k.ContainerLogMaxSize, 10<<20)
	k.ContainerLogMaxFiles = cmp.Or(k.ContainerLogMaxFiles, 5)
	k.ImageGCHigh = cmp.Or(k.ImageGCHigh, 85)
	k.ImageGCLow = cmp.Or(k.ImageGCLow, min(80, k.ImageGCHigh))
	if k.Eviction == nil {
		k.Eviction = pressure.Default()
	}
	if k.Clock == nil {
		k.Clock = clock.RealClock{}
	}
	if len(k.NodeIPs) == 0 && k.NodeIP != "" {
		k.NodeIPs = []string{k.NodeIP}
	}
	if k.Objects == nil && k.Cache != nil {
		k.Objects = &volume.CacheSource{Cache: k.Cache}
	}
	if k.ready == nil {
		k.ready = make(chan struct{})
	}
}

// Validate says what is wrong with the inputs.
func (k *Kubelet) Validate() error {
	var errs error
	for name, missing := range map[string]bool{
		"Client": k.Client == nil, "Cache": k.Cache == nil, "Recorder": k.Recorder == nil,
		"NodeName": k.NodeName == "", "NodeIP": k.NodeIP == "", "Version": k.Version == "",
	} {
		if missing {
			errs = errors.Join(errs, fmt.Errorf("kubelet: %s is required", name))
		}
	}
	for _, ip := range append(k.NodeIPs, k.ClusterDNS...) {
		if net.ParseIP(ip) == nil {
			errs = errors.Join(errs, fmt.Errorf("kubelet: %q is no IP address", ip))
		}
	}
	if k.MaxPods < 0 {
		errs = errors.Join(errs, errors.New("kubelet: MaxPods must not be negative"))
	}
	return errs
}

// Ready is closed when the node is registered and its pods are looked after. Call Default first.
func (k *Kubelet) Ready() <-chan struct{} { return k.ready }

// Run runs the node's pods until ctx ends; they keep running after that. It returns when all of its goroutines have ended.
func (k *Kubelet) Run(ctx context.Context) error {
	k.Default()
	if err := k.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.ctx, k.log, k.startedAt = ctx, log.FromContext(ctx), k.Clock.Now()
	k.workers, k.admitted = map[types.UID]*worker{}, map[types.UID]*corev1.Pod{}
	if err := k.prepare(ctx); err != nil {
		return err
	}
	defer func() { _ = k.runtime.Close() }()
	defer k.volumes.Close()

	group, ctx := errgroup.WithContext(ctx)
	k.ctx = ctx
	group.Go(func() error { return k.probes.Run(ctx) })
	group.Go(func() error { return k.registrar.Run(ctx) })
	group.Go(func() error {
		return (&node.Lease{Client: k.Client, Clock: k.Clock, Name: k.NodeName, Node: k.registrar.Node}).Run(ctx)
	})
	group.Go(func() error { return k.runPods(ctx) })
	group.Go(func() error { return k.newRotator().Run(ctx) })
	group.Go(func() error { return k.serve(ctx) })
	err := group.Wait()
	k.mu.Lock()
	k.stopped.Store(true)
	k.mu.Unlock()
	k.stopWorkers()
	k.wg.Wait()
	k.statuses.Wait()
	return err
}

// prepare makes the parts and the folders they need.
func (k *Kubelet) prepare(ctx context.Context) error {
	for _, dir := range []string{k.RootDir, k.RootDir + "/pods", k.LogDir, k.ContainerLogDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the kubelet's folders: %w", err)
		}
	}
	var err error
	if k.machine, err = node.ReadMachine(k.RootDir, k.MaxPods); err != nil {
		return err
	}
	k.cgroups = &cgroup.Tree{Root: k.CgroupRoot}
	if err := k.cgroups.Open(); err != nil {
		return err
	}
	if err := k.cgroups.EnsureTop(k.totalLimits()); err != nil {
		return err
	}
	if k.runtime, err = runtime.Connect(k.RuntimeEndpoint); err != nil {
		return err
	}
	if err := k.runtime.Ready(ctx); err != nil {
		return errors.Join(err, k.runtime.Close())
	}
	k.node = runtime.NodeInput{
		RootDir: k.RootDir, LogDir: k.LogDir, CgroupV2: k.cgroups.V2(), MemoryCapacity: k.machine.Capacity.Memory().Value(), OOMScoreFloor: runtime.OOMScoreFloor(),
		DNS: runtime.DNS{ClusterDNS: k.ClusterDNS, ClusterDomain: k.ClusterDomain, ResolvConf: k.ResolvConf}, SeccompDefault: k.SeccompDefault,
	}
	k.statuses = &status.Writer{Client: k.Client, Clock: k.Clock}
	k.imageGC = &images.Collector{Images: k.runtime.Images, Clock: k.Clock, InUse: k.imagesInUse}
	k.images = &images.Puller{Images: k.runtime.Images, Clock: k.Clock, Secrets: k.pullSecrets, Used: k.imageGC.Used, Pulled: func() { k.registrar.Check() }}
	k.volumes = &volume.Manager{
		Client: k.Client, Objects: k.Objects, RootDir: k.RootDir, NodeName: k.NodeName, Allocatable: k.Allocatable,
		NeedsRefresh: k.needsRefresh, Clock: k.Clock,
	}
	k.probes = &probe.Manager{Exec: k.runtime.RunCommand, Changed: k.probeChanged, Warn: k.probeWarning, Clock: k.Clock, UserAgent: "kube-probe/" + k.minorVersion()}
	k.hooks = &hooks.Runner{Exec: k.runtime.RunCommand, Clock: k.Clock, NodeIP: k.NodeIP, UserAgent: "kube-lifecycle/" + k.minorVersion()}
	k.registrar = &node.Registrar{
		Client: k.Client, Recorder: k.Recorder, Clock: k.Clock, Name: k.NodeName, IPs: k.NodeIPs, Labels: k.NodeLabels, Taints: k.Taints, CloudAddresses: k.CloudAddresses,
		Machine: k.machine, Allocatable: k.Allocatable(), Port: k.ServerPort, Version: k.Version,
		RuntimeVersion: k.runtime.Name + "://" + strings.TrimPrefix(k.runtime.Version, "v"), Problem: k.runtime.Problem, Images: k.imageGC.List,
		Pressure: k.newGauge().Conditions,
	}
	return nil
}

// totalLimits holds all pods together to what the node allocates.
func (k *Kubelet) totalLimits() cgroup.Limits {
	a := k.Allocatable()
	return cgroup.Limits{Shares: runtime.Shares(a.Cpu().MilliValue()), Memory: a.Memory().Value()}
}

// Allocatable is what pods may ask for in sum.
func (k *Kubelet) Allocatable() corev1.ResourceList {
	return node.Allocatable(k.machine.Capacity, k.Reserved)
}

// minorVersion is "1.36".
func (k *Kubelet) minorVersion() string {
	parts := strings.SplitN(strings.TrimPrefix(k.Version, "v"), ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func (k *Kubelet) hostIPs() []string { return k.NodeIPs }

func (k *Kubelet) stopping() bool { return k.stopped.Load() || k.ctx.Err() != nil }

// stopWorkers ends the timers of workers, so that nothing is woken any more.
func (k *Kubelet) stopWorkers() {
	for _, w := range k.allWorkers() {
		w.mu.Lock()
		if w.timer != nil {
			w.timer.Stop()
		}
		w.mu.Unlock()
	}
}

// event records an event about a pod, or about one of its containers when field names it.
func (k *Kubelet) event(pod *corev1.Pod, field, kind, reason, message string) {
	ref := &corev1.ObjectReference{
		Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion, FieldPath: field,
	}
	k.Recorder.Event(ref, kind, reason, message)
}
