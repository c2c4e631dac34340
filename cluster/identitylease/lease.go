package identitylease

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// The label of the Leases of API servers, and its value.
const (
	identityLabel = "apiserver.kubernetes.io/identity"
	server        = "kube-apiserver"
)

// How long a server is believed in of whom nothing is heard, how often it is heard of, and how often others are looked at: upstream's.
const (
	lasts    = time.Hour
	renewal  = 10 * time.Second
	cleaning = time.Hour
)

// Lease is that of one server, by what tells the server from others: its host, and where it is reached.
type Lease struct {
	Client  client.Client
	Clock   clock.WithTicker
	Host    string
	Address string

	// Made says that Object was made together with a new cluster: nobody was there before, and there is nothing to write for a while.
	Made bool

	holder string // of the Lease; this process and no other
}

// New is the Lease of the server on node, which may have a longer name than a label's value.
func New(writer client.Client, node, address string, port int) *Lease {
	if len(node) > validation.LabelValueMaxLength {
		node = strings.TrimRight(node[:validation.LabelValueMaxLength], "-.")
	}
	return &Lease{Client: writer, Clock: clock.RealClock{}, Host: node, Address: net.JoinHostPort(address, strconv.Itoa(port))}
}

// Object is the Lease as of now, for who makes it together with other objects before Run.
func (l *Lease) Object() *coordinationv1.Lease {
	made := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: l.Name()}}
	l.mark(made)
	return made
}

// Name of the Lease: the same whenever this server starts here.
func (l *Lease) Name() string {
	sum := sha256.Sum256([]byte(l.Host + "/" + l.Address))
	return "apiserver-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// Run keeps the Lease until ctx ends. What fails is done again the next time.
func (l *Lease) Run(ctx context.Context) error {
	renew, clean := l.Clock.NewTicker(renewal), l.Clock.NewTicker(cleaning)
	defer renew.Stop()
	defer clean.Stop()
	var held *coordinationv1.Lease
	if !l.Made {
		held = l.hold(ctx, nil)
		l.clean(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C():
			held = l.hold(ctx, held)
		case <-clean.C():
			l.clean(ctx)
		}
	}
}

// hold writes that the server is there, into the Lease as it was left or as it is now, and returns it; nil where that failed.
func (l *Lease) hold(ctx context.Context, held *coordinationv1.Lease) *coordinationv1.Lease {
	if held == nil {
		held = &coordinationv1.Lease{}
		err := l.Client.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: l.Name()}, held)
		if apierrors.IsNotFound(err) {
			held = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: l.Name()}}
		} else if err != nil {
			return l.failed(ctx, err)
		}
	}
	l.mark(held)
	write := func() error { return l.Client.Update(ctx, held) }
	if held.ResourceVersion == "" {
		write = func() error { return l.Client.Create(ctx, held) }
	}
	if err := write(); err != nil {
		return l.failed(ctx, err)
	}
	return held
}

// mark says in a Lease that the server is there now.
func (l *Lease) mark(held *coordinationv1.Lease) {
	if l.holder == "" {
		l.holder = l.Name() + "_" + uuid.NewString()
	}
	if held.Labels == nil {
		held.Labels = map[string]string{}
	}
	maps.Copy(held.Labels, map[string]string{identityLabel: server, corev1.LabelHostname: l.Host})
	held.Spec.HolderIdentity = ptr.To(l.holder)
	held.Spec.LeaseDurationSeconds = ptr.To(int32(lasts.Seconds()))
	held.Spec.RenewTime = ptr.To(metav1.NewMicroTime(l.Clock.Now()))
}

func (l *Lease) failed(ctx context.Context, err error) *coordinationv1.Lease {
	if ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		log.FromContext(ctx).Error(err, "The lease of the API server could not be renewed", "lease", l.Name())
	}
	return nil
}

// clean deletes the Leases of servers that are gone.
func (l *Lease) clean(ctx context.Context) {
	var all coordinationv1.LeaseList
	if err := l.Client.List(ctx, &all, client.InNamespace(metav1.NamespaceSystem), client.MatchingLabels{identityLabel: server}); err != nil {
		l.failed(ctx, err)
		return
	}
	for i := range all.Items {
		lease := &all.Items[i]
		if lease.Name == l.Name() || !over(lease, l.Clock.Now()) {
			continue
		}
		err := l.Client.Delete(ctx, lease, client.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion})
		if err != nil {
			l.failed(ctx, err)
			continue
		}
		log.FromContext(ctx).Info("The lease of an API server that is gone was deleted", "lease", lease.Name)
	}
}

// over says whether a Lease is expired, as one is that does not say for how long it is.
func over(lease *coordinationv1.Lease, now time.Time) bool {
	if lease.Spec.RenewTime == nil || lease.Spec.LeaseDurationSeconds == nil {
		return true
	}
	return lease.Spec.RenewTime.Add(time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second).Before(now)
}
