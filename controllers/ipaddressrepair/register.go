package ipaddressrepair

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

const component = "ipallocator-repair-controller"

// holder is the Service of an IPAddress which has gone.
func holder(_ context.Context, o client.Object) []reconcile.Request {
	address, ok := o.(*networkingv1.IPAddress)
	if !ok {
		return nil
	}
	if key, ok := parent(address); ok {
		return []reconcile.Request{{NamespacedName: key}}
	}
	return nil
}

// held are the IPAddresses that a Service has given back.
func held(_ context.Context, o client.Object) []reconcile.Request {
	service, ok := o.(*corev1.Service)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	for _, address := range addresses(service) {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: address}})
	}
	return requests
}

func moved(e event.UpdateEvent) bool {
	old, ok := e.ObjectOld.(*corev1.Service)
	service, same := e.ObjectNew.(*corev1.Service)
	return ok && same && !slices.Equal(addresses(old), addresses(service))
}

// Register puts the controller on mgr. It wakes when a Service comes or has other addresses, and when an IPAddress comes or goes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	recorder := kit.Recorder(mgr, component)
	services := &Services{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: recorder}
	spares := &Addresses{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: recorder, Clock: deps.Clock, Services: services}
	never := func(event.DeleteEvent) bool { return false }
	goes := predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: func(event.UpdateEvent) bool { return false }}
	given := predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: moved}
	return errors.Join(
		kit.New(mgr, Name+"-services").
			For(&corev1.Service{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: moved, DeleteFunc: never})).
			Watches(&networkingv1.IPAddress{}, handler.EnqueueRequestsFromMapFunc(holder), builder.WithPredicates(goes)).
			Complete(reconcile.AsReconciler(services.Client, services)),
		kit.New(mgr, Name).
			For(&networkingv1.IPAddress{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }, DeleteFunc: never})).
			Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(held), builder.WithPredicates(given)).
			Complete(reconcile.AsReconciler(spares.Client, spares)),
	)
}
