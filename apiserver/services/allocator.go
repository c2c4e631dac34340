package services

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Ranges are what addresses and ports are taken from.
type Ranges struct {
	// CIDRs of cluster IPs, the primary family first. Default 10.43.0.0/16.
	CIDRs []netip.Prefix
	// NodePorts, both inclusive. Default 30000 to 32767.
	FirstPort, LastPort int
}

// withDefaults fills in what is not set.
func (r Ranges) withDefaults() Ranges {
	if len(r.CIDRs) == 0 {
		r.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.43.0.0/16")}
	}
	if r.LastPort == 0 {
		r.FirstPort, r.LastPort = 30000, 32767
	}
	return r
}

// Allocator gives out addresses and ports.
type Allocator struct {
	Ranges
	Store storage.Reader
	// Taken says whether an IPAddress of that name is known to exist. It may lag: the commit decides.
	Taken func(address string) bool
	// More are the ranges of the ServiceCIDRs that are ready; nil means none.
	More func() []netip.Prefix
	// Each calls yield for every Service there is; it is used to rebuild a missing or foreign bitmap of ports.
	Each func(yield func(*corev1.Service))
	// Counted counts what is given out; nil counts nothing.
	Counted *Metrics
}

// Create completes a new Service.
func (a *Allocator) Create(ctx context.Context, service *corev1.Service) ([]storage.Op, field.ErrorList, error) {
	return a.allocate(ctx, service, nil)
}

// Update completes a changed Service, which has been given what it had and did not mention, and gives back what it no
// longer needs.
func (a *Allocator) Update(ctx context.Context, service, old *corev1.Service) ([]storage.Op, field.ErrorList, error) {
	return a.allocate(ctx, service, old)
}

// Delete gives back what a Service has.
func (a *Allocator) Delete(ctx context.Context, service *corev1.Service) ([]storage.Op, error) {
	ops, err := a.releaseAddresses(ctx, addresses(service), nil)
	if err != nil {
		return nil, err
	}
	if held := ports(service); len(held) > 0 {
		bitmap, err := a.loadPorts(ctx)
		if err != nil {
			return nil, err
		}
		bitmap.release(held...)
		op, err := bitmap.op()
		if err != nil {
			return nil, err
		}
		ops = append(ops, op...)
	}
	return ops, nil
}

func (a *Allocator) allocate(ctx context.Context, service, old *corev1.Service) ([]storage.Op, field.ErrorList, error) {
	if errs := a.setFamilies(service, old); len(errs) > 0 {
		return nil, errs, nil
	}
	had := addresses(old)
	ops, errs := a.takeAddresses(service, had)
	if len(errs) > 0 {
		return nil, errs, nil
	}
	released, err := a.releaseAddresses(ctx, had, addresses(service))
	if err != nil {
		return nil, nil, err
	}
	portOps, errs, err := a.allocatePorts(ctx, service, old)
	if err != nil || len(errs) > 0 {
		return nil, errs, err
	}
	return slices.Concat(ops, released, portOps), nil, nil
}

// addresses that a Service holds.
func addresses(service *corev1.Service) []string {
	if service == nil || !needsClusterIP(service) || headless(service) {
		return nil
	}
	if len(service.Spec.ClusterIPs) == 0 && service.Spec.ClusterIP != "" {
		return []string{service.Spec.ClusterIP}
	}
	return slices.DeleteFunc(slices.Clone(service.Spec.ClusterIPs), func(address string) bool { return address == "" })
}

// needsClusterIP says whether Services of this type have addresses.
func needsClusterIP(service *corev1.Service) bool {
	return service.Spec.Type != corev1.ServiceTypeExternalName
}

func headless(service *corev1.Service) bool {
	return service.Spec.ClusterIP == corev1.ClusterIPNone || len(service.Spec.ClusterIPs) > 0 && service.Spec.ClusterIPs[0] == corev1.ClusterIPNone
}

func needsNodePort(service *corev1.Service) bool {
	switch service.Spec.Type {
	case corev1.ServiceTypeNodePort:
		return true
	case corev1.ServiceTypeLoadBalancer:
		return service.Spec.AllocateLoadBalancerNodePorts == nil || *service.Spec.AllocateLoadBalancerNodePorts
	}
	return false
}

// mayHaveNodePort also covers load balancers that do not want node ports but may keep those they name.
func mayHaveNodePort(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeNodePort || service.Spec.Type == corev1.ServiceTypeLoadBalancer
}

func needsHealthPort(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

var errFull = fmt.Errorf("range is full")
