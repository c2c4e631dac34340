package servicecidr

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "servicecidr"

const finalizer = "networking.k8s.io/service-cidr-finalizer"

// settling is how long after its deletion a ServiceCIDR stays at least: a Service that was being made while it was ready may get an
// address of it, which then must show in the cache.
const settling = 5 * time.Second

// Controller reconciles the condition Ready and the finalizer of ServiceCIDRs.
type Controller struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Reconcile adds the finalizer to a ServiceCIDR and says that it is ready. A deleted one says why it is still there, or goes.
func (c *Controller) Reconcile(ctx context.Context, cidr *networkingv1.ServiceCIDR) (reconcile.Result, error) {
	if cidr.DeletionTimestamp == nil {
		return patch.Result(reconcile.Result{}, c.protect(ctx, cidr))
	}
	if !slices.Contains(cidr.Finalizers, finalizer) {
		return reconcile.Result{}, nil
	}
	needed, err := c.needed(ctx, cidr)
	if err != nil {
		return reconcile.Result{}, err
	}
	if needed {
		return patch.Result(reconcile.Result{}, c.say(ctx, cidr, metav1.Condition{
			Status: metav1.ConditionFalse, Reason: networkingv1.ServiceCIDRReasonTerminating,
			Message: "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
		}))
	}
	if wait := cidr.DeletionTimestamp.Add(settling).Sub(c.Clock.Now()); wait > 0 {
		return kit.After(wait), nil
	}
	_, _, err = patch.Object(ctx, c.Client, cidr, func(changed *networkingv1.ServiceCIDR) {
		changed.Finalizers = slices.DeleteFunc(changed.Finalizers, func(f string) bool { return f == finalizer })
	})
	return patch.Result(reconcile.Result{}, err)
}

func (c *Controller) protect(ctx context.Context, cidr *networkingv1.ServiceCIDR) error {
	protected, _, err := patch.Object(ctx, c.Client, cidr, func(changed *networkingv1.ServiceCIDR) {
		if !slices.Contains(changed.Finalizers, finalizer) {
			changed.Finalizers = append(changed.Finalizers, finalizer)
		}
	})
	if err != nil {
		return err
	}
	return c.say(ctx, protected, metav1.Condition{Status: metav1.ConditionTrue, Message: "Kubernetes Service CIDR is ready"})
}

// say writes the condition Ready, unless somebody has said as much in other words.
func (c *Controller) say(ctx context.Context, cidr *networkingv1.ServiceCIDR, ready metav1.Condition) error {
	ready.Type = networkingv1.ServiceCIDRConditionReady
	if said := meta.FindStatusCondition(cidr.Status.Conditions, ready.Type); said != nil && said.Status == ready.Status {
		return nil
	}
	_, err := patch.Status(ctx, c.Client, cidr, func(changed *networkingv1.ServiceCIDR) {
		meta.SetStatusCondition(&changed.Status.Conditions, ready)
	})
	return err
}

// needed says whether a service has an address of a ServiceCIDR that no other, which stays, has too.
func (c *Controller) needed(ctx context.Context, cidr *networkingv1.ServiceCIDR) (bool, error) {
	addresses, others := &networkingv1.IPAddressList{}, &networkingv1.ServiceCIDRList{}
	if err := c.Client.List(ctx, addresses, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing addresses: %w", err)
	}
	if err := c.Client.List(ctx, others, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing ServiceCIDRs: %w", err)
	}
	var stay []string
	for _, other := range others.Items {
		if other.UID != cidr.UID && other.DeletionTimestamp == nil {
			stay = append(stay, other.Spec.CIDRs...)
		}
	}
	return slices.ContainsFunc(addresses.Items, func(address networkingv1.IPAddress) bool {
		return covers(cidr.Spec.CIDRs, address.Name) && !covers(stay, address.Name)
	}), nil
}

func covers(cidrs []string, address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(cidrs, func(cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		return err == nil && prefix.Contains(ip)
	})
}

// deleting are the ServiceCIDRs that may go when an address is released or another ServiceCIDR comes.
func (c *Controller) deleting(ctx context.Context, _ client.Object) []reconcile.Request {
	all := &networkingv1.ServiceCIDRList{}
	if err := c.Client.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for _, cidr := range all.Items {
		if cidr.DeletionTimestamp != nil {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&cidr)})
		}
	}
	return requests
}

// Register puts the controller on mgr. It wakes when a ServiceCIDR changes, and those that are being deleted when an
// address is released or a ServiceCIDR is made.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Clock: deps.Clock}
	none := func(event.UpdateEvent) bool { return false }
	released := predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: none}
	return kit.New(mgr, Name).
		For(&networkingv1.ServiceCIDR{}).
		Watches(&networkingv1.ServiceCIDR{}, handler.EnqueueRequestsFromMapFunc(c.deleting), builder.WithPredicates(predicate.Funcs{UpdateFunc: none})).
		Watches(&networkingv1.IPAddress{}, handler.EnqueueRequestsFromMapFunc(c.deleting), builder.WithPredicates(released)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
