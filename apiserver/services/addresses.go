package services

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

const (
	addressPrefix = storage.Root + "ipaddresses/"
	managedBy     = "ipallocator.k8s.io"
)

// takeAddresses fills in clusterIPs, one per family, and returns the operations that claim those it did not have.
func (a *Allocator) takeAddresses(service *corev1.Service, had []string) ([]storage.Op, field.ErrorList) {
	spec := &service.Spec
	if !needsClusterIP(service) || headless(service) {
		if headless(service) {
			spec.ClusterIP, spec.ClusterIPs = corev1.ClusterIPNone, []string{corev1.ClusterIPNone}
		}
		return nil, nil
	}
	var ops []storage.Op
	for i, family := range spec.IPFamilies {
		if i < len(spec.ClusterIPs) && slices.Contains(had, spec.ClusterIPs[i]) {
			continue
		}
		wanted := ""
		if i < len(spec.ClusterIPs) {
			wanted = spec.ClusterIPs[i]
		}
		address, err := a.pick(family, wanted)
		if err != nil {
			return nil, field.ErrorList{refusedAddress(spec, wanted, err)}
		}
		if address == "" {
			return nil, nil // not an address: the validation says so
		}
		op, err := claim(service, address, family)
		if err != nil {
			return nil, field.ErrorList{field.InternalError(specPath.Child("clusterIPs"), err)}
		}
		ops = append(ops, op)
		if i < len(spec.ClusterIPs) {
			spec.ClusterIPs[i] = address
		} else {
			spec.ClusterIPs = append(spec.ClusterIPs, address)
		}
	}
	if len(spec.ClusterIPs) > 0 {
		spec.ClusterIP = spec.ClusterIPs[0]
	}
	return ops, nil
}

func refusedAddress(spec *corev1.ServiceSpec, wanted string, err error) *field.Error {
	if wanted == "" {
		return field.InternalError(specPath.Child("clusterIPs"), fmt.Errorf("failed to allocate a serviceIP: %w", err))
	}
	return field.Invalid(specPath.Child("clusterIPs"), spec.ClusterIPs, fmt.Sprintf("failed to allocate IP %s: %v", wanted, err))
}

// pick returns the wanted address, or one that is free.
func (a *Allocator) pick(family corev1.IPFamily, wanted string) (string, error) {
	start, cidrs := time.Now(), a.cidrs(family)
	if len(cidrs) == 0 {
		return "", fmt.Errorf("no range of family %s", family)
	}
	if wanted != "" {
		address, err := netip.ParseAddr(wanted)
		if err != nil {
			return "", nil
		}
		at := slices.IndexFunc(cidrs, func(cidr netip.Prefix) bool { return usable(cidr, address) })
		if at < 0 {
			return "", errors.New("the provided network does not match the current range")
		}
		if a.Taken(address.String()) {
			err = errors.New("provided IP is already allocated")
		}
		a.Counted.address(cidrs[at], true, start, err)
		return address.String(), err
	}
	rand.Shuffle(len(cidrs), func(i, j int) { cidrs[i], cidrs[j] = cidrs[j], cidrs[i] })
	for _, cidr := range cidrs {
		free, err := a.pickFree(cidr)
		a.Counted.address(cidr, false, start, err)
		if err == nil {
			return free, nil
		}
	}
	return "", errFull
}

func usable(cidr netip.Prefix, address netip.Addr) bool {
	first, last := bounds(cidr)
	return cidr.Contains(address) && !address.Less(first) && !last.Less(address)
}

// bounds are the first and the last usable address: the network's own is none, nor is the broadcast address of IPv4.
func bounds(cidr netip.Prefix) (first, last netip.Addr) {
	first = cidr.Masked().Addr().Next()
	size := new(big.Int).Lsh(big.NewInt(1), uint(first.BitLen()-cidr.Bits()))
	offset := new(big.Int).Sub(size, big.NewInt(2))
	if first.Is4() {
		offset.Sub(offset, big.NewInt(1))
	}
	if !offset.IsInt64() {
		offset.SetInt64(1 << 62)
	}
	return first, add(first, offset.Int64())
}

// pickFree tries addresses from a random one on, first those above the part that is left to fixed addresses, then that.
func (a *Allocator) pickFree(cidr netip.Prefix) (string, error) {
	first, last := bounds(cidr)
	size := distance(first, last) + 1
	reserved := min(max(16, size/16), 256)
	if size <= 16 {
		reserved = 0
	}
	for _, part := range [][2]int64{{reserved, size}, {0, reserved}} {
		span := part[1] - part[0]
		if span <= 0 {
			continue
		}
		start := rand.Int64N(span)
		for i := range min(span, 1<<17) {
			address := add(first, part[0]+(start+i)%span).String()
			if !a.Taken(address) {
				return address, nil
			}
		}
	}
	return "", errFull
}

// distance between two addresses, at most what fits.
func distance(from, to netip.Addr) int64 {
	d := new(big.Int).Sub(new(big.Int).SetBytes(to.AsSlice()), new(big.Int).SetBytes(from.AsSlice()))
	if !d.IsInt64() || d.Int64() > 1<<40 {
		return 1 << 40
	}
	return d.Int64()
}

func add(address netip.Addr, offset int64) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(address.AsSlice()), big.NewInt(offset))
	bytes := make([]byte, len(address.AsSlice()))
	sum.FillBytes(bytes)
	out, _ := netip.AddrFromSlice(bytes)
	return out
}

// claim is the creation of the IPAddress that stands for a Service's address.
func claim(service *corev1.Service, address string, family corev1.IPFamily) (storage.Op, error) {
	obj := &networkingv1.IPAddress{
		TypeMeta: metav1.TypeMeta{Kind: "IPAddress", APIVersion: networkingv1.SchemeGroupVersion.String()},
		ObjectMeta: metav1.ObjectMeta{
			Name: address, UID: uuid.NewUUID(), CreationTimestamp: service.CreationTimestamp,
			Labels: map[string]string{networkingv1.LabelIPAddressFamily: string(family), networkingv1.LabelManagedBy: managedBy},
		},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{
			Resource: "services", Namespace: service.Namespace, Name: service.Name,
		}},
	}
	if obj.CreationTimestamp.IsZero() {
		obj.CreationTimestamp = metav1.Now().Rfc3339Copy()
	}
	value, err := codec.EncodeStored(obj)
	return storage.Op{Key: addressPrefix + address, Value: value}, err
}

// releaseAddresses removes the IPAddresses of what a Service had and has no longer.
func (a *Allocator) releaseAddresses(ctx context.Context, had, has []string) ([]storage.Op, error) {
	var ops []storage.Op
	for _, address := range had {
		if slices.Contains(has, address) {
			continue
		}
		record, err := a.Store.Get(ctx, addressPrefix+address)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading address %s: %w", address, err)
		}
		ops = append(ops, storage.Op{Key: record.Key, Expected: storage.Any})
	}
	return ops, nil
}
