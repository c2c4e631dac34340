package ipaddressrepair

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "ipaddressrepair"

const (
	managedBy = "ipallocator.k8s.io"
	// grace is how old an IPAddress without a Service must be: who writes both by hand may take a while.
	grace = time.Minute
)

// Services reconciles the IPAddresses that Services lack.
type Services struct {
	Client client.Client
	// Live reads past the cache: the caches of Services and of IPAddresses need not be equally far.
	Live     client.Reader
	Recorder record.EventRecorder
}

// Reconcile makes the IPAddresses that a Service lacks, and says which of its addresses are not its own.
func (c *Services) Reconcile(ctx context.Context, service *corev1.Service) (reconcile.Result, error) {
	for _, text := range addresses(service) {
		if err := c.check(ctx, service, text); err != nil {
			return patch.Result(reconcile.Result{}, err)
		}
	}
	return reconcile.Result{}, nil
}

// addresses are the cluster IPs of a Service, as IPAddresses are named.
func addresses(service *corev1.Service) []string {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	var all []string
	for _, text := range service.Spec.ClusterIPs {
		if address, err := netip.ParseAddr(text); err == nil {
			all = append(all, address.String())
		}
	}
	return all
}

func family(address string) corev1.IPFamily {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

func (c *Services) check(ctx context.Context, service *corev1.Service, address string) error {
	inside, err := c.inRange(ctx, address)
	if err != nil {
		return err
	}
	if !inside {
		c.tell(service, "ClusterIPOutOfRange", fmt.Sprintf("Cluster IP [%v]: %s is not within any configured Service CIDR; please recreate service", family(address), address))
		return nil
	}
	for last, reader := range []client.Reader{c.Client, c.Live} {
		stored := &networkingv1.IPAddress{}
		err := reader.Get(ctx, client.ObjectKey{Name: address}, stored)
		if err == nil && refersTo(stored, client.ObjectKeyFromObject(service)) {
			return nil
		}
		if err == nil && last == 1 {
			return c.checkOther(ctx, service, stored)
		}
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading address %s: %w", address, err)
		}
	}
	current := &corev1.Service{}
	if err := c.Live.Get(ctx, client.ObjectKeyFromObject(service), current); err != nil {
		return client.IgnoreNotFound(err)
	}
	if current.UID != service.UID || !slices.Contains(addresses(current), address) {
		return nil
	}
	c.tell(service, "ClusterIPNotAllocated", fmt.Sprintf("Cluster IP [%v]: %s is not allocated; repairing", family(address), address))
	if err := c.Client.Create(ctx, addressOf(service, address)); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating address %s: %w", address, err)
	}
	return nil
}

// checkOther says of an address that it is another Service's, if that has it. Otherwise the IPAddress will go.
func (c *Services) checkOther(ctx context.Context, service *corev1.Service, stored *networkingv1.IPAddress) error {
	key, ok := parent(stored)
	if !ok {
		return nil
	}
	other := &corev1.Service{}
	if err := c.Live.Get(ctx, key, other); err != nil {
		return client.IgnoreNotFound(err)
	}
	if slices.Contains(addresses(other), stored.Name) {
		c.tell(service, "ClusterIPAlreadyAllocated", fmt.Sprintf("Cluster IP [%v]: %s was assigned to multiple services; please recreate service", family(stored.Name), stored.Name))
	}
	return nil
}

func (c *Services) tell(service *corev1.Service, reason, message string) {
	c.Recorder.Event(service, corev1.EventTypeWarning, reason, message)
}

// inRange says whether an address is in any ServiceCIDR; of a cluster without any nothing is known.
func (c *Services) inRange(ctx context.Context, address string) (bool, error) {
	inside := func(cidr networkingv1.ServiceCIDR) bool { return contains(&cidr, address) }
	for _, reader := range []client.Reader{c.Client, c.Live} {
		all := &networkingv1.ServiceCIDRList{}
		if err := reader.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
			return false, fmt.Errorf("listing ServiceCIDRs: %w", err)
		}
		if len(all.Items) == 0 || slices.ContainsFunc(all.Items, inside) {
			return true, nil
		}
	}
	return false, nil
}

func contains(cidr *networkingv1.ServiceCIDR, address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(cidr.Spec.CIDRs, func(text string) bool {
		prefix, err := netip.ParsePrefix(text)
		return err == nil && prefix.Contains(ip)
	})
}

// addressOf is the IPAddress that the API server makes with a Service.
func addressOf(service *corev1.Service, address string) *networkingv1.IPAddress {
	return &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: address, Labels: map[string]string{
			networkingv1.LabelIPAddressFamily: string(family(address)), networkingv1.LabelManagedBy: managedBy,
		}},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: service.Namespace, Name: service.Name}},
	}
}

// parent is the Service that an IPAddress stands for.
func parent(address *networkingv1.IPAddress) (client.ObjectKey, bool) {
	ref := address.Spec.ParentRef
	if ref == nil || ref.Resource != "services" || ref.Group != "" {
		return client.ObjectKey{}, false
	}
	return client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, true
}

func refersTo(address *networkingv1.IPAddress, service client.ObjectKey) bool {
	key, ok := parent(address)
	return ok && key == service
}

// Addresses reconciles the IPAddresses that stand for nothing.
type Addresses struct {
	Client   client.Client
	Live     client.Reader
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	// Services make the IPAddress again, for the Service whose address it stood for in another's name.
	Services *Services
}

// Reconcile deletes an IPAddress whose Service is gone, or has another address.
func (c *Addresses) Reconcile(ctx context.Context, address *networkingv1.IPAddress) (reconcile.Result, error) {
	key, ok := parent(address)
	if !ok || address.Labels[networkingv1.LabelManagedBy] != managedBy || address.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	gone := false
	for _, reader := range []client.Reader{c.Client, c.Live} {
		service := &corev1.Service{}
		err := reader.Get(ctx, key, service)
		if err == nil && slices.Contains(addresses(service), address.Name) {
			return reconcile.Result{}, nil
		}
		if client.IgnoreNotFound(err) != nil {
			return reconcile.Result{}, fmt.Errorf("reading service %s: %w", key, err)
		}
		gone = err != nil
	}
	reason, says := "IPAddressWrongReference", "has a wrong reference; cleaning up"
	if gone {
		if wait := address.CreationTimestamp.Add(grace).Sub(c.Clock.Now()); wait > 0 {
			return kit.After(wait), nil
		}
		reason, says = "IPAddressNotAllocated", "appears to have leaked: cleaning up"
	}
	if err := c.Client.Delete(ctx, address, client.Preconditions{UID: &address.UID}); err != nil {
		return patch.Result(reconcile.Result{}, fmt.Errorf("deleting address %s: %w", address.Name, err))
	}
	c.Recorder.Event(address, corev1.EventTypeWarning, reason, fmt.Sprintf("IPAddress: %s for Service %s %s", address.Name, key, says))
	return patch.Result(reconcile.Result{}, c.Services.repair(ctx, address.Name))
}

// repair makes the IPAddress of an address for the Service that has it.
func (c *Services) repair(ctx context.Context, address string) error {
	all := &corev1.ServiceList{}
	if err := c.Client.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	for i := range all.Items {
		if slices.Contains(addresses(&all.Items[i]), address) {
			return c.check(ctx, &all.Items[i], address)
		}
	}
	return nil
}
