package kit

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Deps is what controllers need beyond the manager.
type Deps struct {
	// Clock tells the time. Default: the real clock.
	Clock clock.WithTicker
	// Access gives what the controller with that service account calls the API with. Nil lets all of them act as
	// the manager does.
	Access func(account string) (Access, error)
	// Disabled names controllers that are not started (see controllers.Names).
	Disabled []string
	// RootCA is the PEM bundle that pods get to verify the API server with.
	// Empty switches the root CA publisher off.
	RootCA []byte
	// LegacyToken signs the token of a service account that is kept in a Secret. Nil leaves such Secrets empty.
	LegacyToken func(*corev1.ServiceAccount, *corev1.Secret) (string, error)
	// ClusterCIDRs are the pod networks, at most one per family. Empty switches
	// node IPAM off.
	ClusterCIDRs []string
	// NodeCIDRMaskIPv4 and NodeCIDRMaskIPv6 are the sizes of a node's share. Defaults: 24 and 64.
	NodeCIDRMaskIPv4, NodeCIDRMaskIPv6 int
	// ServiceCIDRs are networks of services, which no node gets a share of where they overlap with ClusterCIDRs.
	ServiceCIDRs []string
	// ClientSigner signs client certificates (kube-apiserver-client and -kubelet),
	// ServingSigner kubelet serving certificates. Nil leaves such requests unsigned.
	ClientSigner, ServingSigner *Signer
	// KubeletClientSigner signs those of kubelets in place of ClientSigner.
	KubeletClientSigner *Signer
	// ServerNode is the name of the node on the API server's own machine, if there is one: it serves at the same address.
	ServerNode string
	// NodeGracePeriod is how long a node may be silent before it is Unknown. Default: 50 s.
	NodeGracePeriod time.Duration
	// Cloud is what the cluster runs on; it is initialized already. Nil switches the controllers of clouds off.
	Cloud cloudprovider.Interface
	// ClusterName is what clouds know the cluster by. Default: kubernetes.
	ClusterName string
	// Clouds say how often, and how many at a time, the controllers of clouds look.
	Clouds CloudSettings
	// TerminatedPods is how many finished pods are kept before the oldest go. Default: 12500.
	TerminatedPods int
	// LegacyTokenPeriod is how long a token in a Secret may be unused. Default: a year.
	LegacyTokenPeriod time.Duration
	// StorageMigration says that StorageVersionMigrations are served.
	StorageMigration bool
	// Tuning is what users change of how controllers work. Default: DefaultTuning.
	Tuning *Tuning
	// Metrics shows what controllers count (Collect). Nil shows nothing.
	Metrics prometheus.Registerer
}

// CloudSettings are those of the controllers of clouds.
type CloudSettings struct {
	// NodeStatusPeriod is how often the cloud is asked for the addresses of nodes. Default: 5 min.
	NodeStatusPeriod time.Duration
	// NodeMonitorPeriod is how often the cloud is asked about a node that is not ready. Default: 5 s.
	NodeMonitorPeriod time.Duration
	// RoutePeriod is how soon all routes are compared although nothing is known to have changed. Default: 12 h.
	RoutePeriod time.Duration
	// ServiceSyncs and NodeSyncs are how many Services and nodes are looked at at a time. Default: 4.
	ServiceSyncs, NodeSyncs int
}

func (s CloudSettings) defaults() CloudSettings {
	s.NodeStatusPeriod = cmp.Or(max(s.NodeStatusPeriod, 0), 5*time.Minute)
	s.NodeMonitorPeriod = cmp.Or(max(s.NodeMonitorPeriod, 0), 5*time.Second)
	s.RoutePeriod = cmp.Or(max(s.RoutePeriod, 0), 12*time.Hour)
	s.ServiceSyncs, s.NodeSyncs = cmp.Or(max(s.ServiceSyncs, 0), workers), cmp.Or(max(s.NodeSyncs, 0), workers)
	return s
}

// Access is what a controller calls the API with, under an identity of its own.
type Access struct {
	Config     *rest.Config
	HTTPClient *http.Client
	// Client reads from the manager's cache, Live from the API.
	Client client.Client
	Live   client.Reader
	// Recorder makes what writes the events of a component.
	Recorder func(component string) record.EventRecorder
}

// Signer is a certificate authority.
type Signer struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	// MaxTTL bounds the life of what it signs. Default: a year.
	MaxTTL time.Duration
}

// Defaults returns deps with every empty field at its default.
func (d Deps) Defaults() Deps {
	if d.Clock == nil {
		d.Clock = clock.RealClock{}
	}
	if d.NodeCIDRMaskIPv4 == 0 {
		d.NodeCIDRMaskIPv4 = 24
	}
	if d.NodeCIDRMaskIPv6 == 0 {
		d.NodeCIDRMaskIPv6 = 64
	}
	if d.NodeGracePeriod == 0 {
		d.NodeGracePeriod = 50 * time.Second
	}
	if d.ClusterName == "" {
		d.ClusterName = "kubernetes"
	}
	if d.LegacyTokenPeriod == 0 {
		d.LegacyTokenPeriod = 365 * 24 * time.Hour
	}
	if d.TerminatedPods == 0 {
		d.TerminatedPods = 12500
	}
	if d.Tuning == nil {
		d.Tuning = DefaultTuning()
	}
	d.Clouds = d.Clouds.defaults()
	return d
}

// workers are those of a controller that does not say how many it has.
const workers = 4

// What fails is tried again after 5 ms and ever later, but at the latest after a minute: when its cause is gone, nothing
// else may wake the controller.
const (
	retryFirst = 5 * time.Millisecond
	retryLast  = time.Minute
)

// Options are the queue's options for a controller with that many workers.
func Options(workers int) controller.Options {
	return controller.Options{
		SkipNameValidation: ptr.To(true), MaxConcurrentReconciles: workers,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast), NewQueue: NewQueue[reconcile.Request],
	}
}

// Recorder returns a recorder of core/v1 events, the ones that kubectl describe shows.
func Recorder(mgr manager.Manager, component string) record.EventRecorder {
	return mgr.GetEventRecorderFor(component)
}

// OwnerIndex is the field index of an object's controlling owner: its UID, or NoOwner.
const (
	OwnerIndex = "metadata.controller"
	NoOwner    = "none"
)

// NodeIndex is the field index of a pod's node.
const NodeIndex = "spec.nodeName"

// Index adds a field index, once: adding it again is no error.
func Index(ctx context.Context, mgr manager.Manager, obj client.Object, field string, values client.IndexerFunc) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, obj, field, values)
	if err != nil && !strings.Contains(err.Error(), "indexer conflict") {
		return fmt.Errorf("indexing %T by %s: %w", obj, field, err)
	}
	return nil
}

// After returns a Result that wakes again after d, or never when d is not positive.
func After(d time.Duration) reconcile.Result {
	return reconcile.Result{RequeueAfter: max(d, 0)}
}

// Sooner returns the shorter of two waits, where zero means none.
func Sooner(a, b time.Duration) time.Duration {
	if a <= 0 || (b > 0 && b < a) {
		return b
	}
	return a
}

// OnDelete is a predicate function that lets deletions through after calling gone.
func OnDelete(gone func(client.Object)) func(event.DeleteEvent) bool {
	return func(e event.DeleteEvent) bool {
		gone(e.Object)
		return true
	}
}

// NamespaceOf maps an object to its namespace.
func NamespaceOf(_ context.Context, obj client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: obj.GetNamespace()}}}
}
