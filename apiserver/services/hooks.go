package services

import (
	"context"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Hooks: a Service gets its addresses and ports in its own transaction, and gives them back in it.
func Hooks(ranges Ranges, store storage.Store, all *kinds.Served, counted *Metrics) kinds.Hooks {
	known := known{all}
	a := &Allocator{Ranges: ranges.withDefaults(), Store: store, Taken: known.addressTaken, More: known.ranges, Each: known.eachService, Counted: counted}
	kind := schema.GroupKind{Kind: "Service"}
	result := func(obj resource.Object, ops []storage.Op, errs field.ErrorList, err error) ([]storage.Op, error) {
		if err != nil {
			return nil, err
		}
		return ops, refusal.Invalid(kind, obj.GetName(), errs)
	}
	return kinds.Hooks{
		ReturnsDeleted: true,
		OnCreate: func(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
			ops, errs, err := a.Create(ctx, obj.(*corev1.Service))
			return result(obj, ops, errs, err)
		},
		OnUpdate: func(ctx context.Context, obj, old resource.Object) ([]storage.Op, error) {
			ops, errs, err := a.Update(ctx, obj.(*corev1.Service), old.(*corev1.Service))
			return result(obj, ops, errs, err)
		},
		OnDelete: func(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
			return a.Delete(ctx, obj.(*corev1.Service))
		},
	}
}

// known is what of the cluster decides which addresses and ports are free.
type known struct{ *kinds.Served }

func (c known) addressTaken(address string) bool {
	at := c.Now().Endpoints[networkingv1.SchemeGroupVersion.WithResource("ipaddresses")]
	if at == nil {
		return false
	}
	_, found := at.Cached.GetKey(at.Key("", address))
	return found
}

// ranges are those of the ServiceCIDRs that are ready and stay.
func (c known) ranges() (all []netip.Prefix) {
	at := c.Now().Endpoints[networkingv1.SchemeGroupVersion.WithResource("servicecidrs")]
	if at == nil {
		return nil
	}
	at.Cached.Snapshot().Ascend("", "", func(entry *cache.Entry) bool {
		if object, ok := entry.Object.(*networkingv1.ServiceCIDR); ok && open(object) {
			for _, text := range object.Spec.CIDRs {
				if cidr, err := netip.ParsePrefix(text); err == nil {
					all = append(all, cidr)
				}
			}
		}
		return true
	})
	return all
}

// open says whether addresses of a ServiceCIDR may be given out.
func open(cidr *networkingv1.ServiceCIDR) bool {
	return cidr.DeletionTimestamp == nil && meta.IsStatusConditionTrue(cidr.Status.Conditions, networkingv1.ServiceCIDRConditionReady)
}

func (c known) eachService(yield func(*corev1.Service)) {
	at := c.Now().Endpoints[corev1.SchemeGroupVersion.WithResource("services")]
	if at == nil {
		return
	}
	at.Cached.Snapshot().Ascend("", "", func(entry *cache.Entry) bool {
		if service, ok := entry.Object.(*corev1.Service); ok {
			yield(service)
		}
		return true
	})
}
