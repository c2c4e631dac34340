package endpointslice

import (
	"cmp"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// maxEndpoints is how many endpoints a slice of ours holds, unless somebody says otherwise.
const maxEndpoints = 100

// Plan is what to write. Slices are copies, ready to be sent.
type Plan struct {
	Create, Update, Delete []*discoveryv1.EndpointSlice
	// Added, Updated and Removed are how many endpoints come, change and go, Slices how many slices there will be.
	Added, Updated, Removed, Slices int
}

// Pack spreads groups over the existing slices of a service. Endpoints that are in a
// slice stay there; new ones fill slices that change anyway, then the fullest others
// that have room, then new slices that create makes. finish puts labels and owner on a
// slice; a slice that only finish changes is written too. One empty slice stays for a
// group without endpoints.
func Pack(existing []*discoveryv1.EndpointSlice, groups []*Group, limit int, finish func(*discoveryv1.EndpointSlice)) Plan {
	var plan Plan
	byKey := map[string][]*discoveryv1.EndpointSlice{}
	for _, slice := range existing {
		key := Key(slice.AddressType, slice.Ports)
		byKey[key] = append(byKey[key], slice)
	}
	for _, group := range groups {
		key := Key(group.Family, group.Ports)
		packGroup(&plan, byKey[key], group, limit, finish)
		delete(byKey, key)
	}
	for _, slice := range existing { // ports or families that the service no longer has
		if _, left := byKey[Key(slice.AddressType, slice.Ports)]; left {
			plan.Delete = append(plan.Delete, slice)
			plan.Removed += len(slice.Endpoints)
		}
	}
	plan.Slices = len(existing) + len(plan.Create) - len(plan.Delete)
	return plan
}

type bin struct {
	read    *discoveryv1.EndpointSlice // nil: new
	wanted  *discoveryv1.EndpointSlice
	changed bool
}

func packGroup(plan *Plan, existing []*discoveryv1.EndpointSlice, group *Group, limit int, finish func(*discoveryv1.EndpointSlice)) {
	missing := map[string]discoveryv1.Endpoint{}
	for _, ep := range group.Endpoints {
		missing[identity(ep)] = ep
	}
	bins := make([]*bin, 0, len(existing)+1)
	for _, slice := range existing {
		b, updated := keepPresent(slice, missing, limit)
		bins = append(bins, b)
		plan.Updated += updated
	}
	var add []discoveryv1.Endpoint
	for _, ep := range group.Endpoints { // in order, so that the result does not depend on a map
		if _, ok := missing[identity(ep)]; ok {
			add = append(add, ep)
			delete(missing, identity(ep))
		}
	}
	plan.Added += len(add)
	plan.Removed += len(add) - len(group.Endpoints)
	for _, slice := range existing {
		plan.Removed += len(slice.Endpoints)
	}
	bins = fill(bins, add, group, limit)
	emit(plan, bins, finish)
}

// keepPresent keeps, in their slice, the endpoints that are still wanted, and says how many of them change.
func keepPresent(slice *discoveryv1.EndpointSlice, missing map[string]discoveryv1.Endpoint, limit int) (b *bin, updated int) {
	b = &bin{read: slice, wanted: slice.DeepCopy()}
	b.wanted.Endpoints = nil
	for _, ep := range slice.Endpoints {
		wanted, ok := missing[identity(ep)]
		if !ok || len(b.wanted.Endpoints) >= limit {
			b.changed = true
			continue
		}
		delete(missing, identity(ep))
		if !equality.Semantic.DeepEqual(ep, wanted) {
			b.changed = true
			updated++
		}
		b.wanted.Endpoints = append(b.wanted.Endpoints, wanted)
	}
	return b, updated
}

func fill(bins []*bin, add []discoveryv1.Endpoint, group *Group, limit int) []*bin {
	order := slices.Clone(bins)
	slices.SortStableFunc(order, func(a, b *bin) int {
		return cmp.Or(cmp.Compare(changedFirst(a), changedFirst(b)), cmp.Compare(len(b.wanted.Endpoints), len(a.wanted.Endpoints)))
	})
	for _, b := range order {
		n := min(max(limit-len(b.wanted.Endpoints), 0), len(add))
		if n == 0 {
			continue
		}
		b.wanted.Endpoints = append(b.wanted.Endpoints, add[:n]...)
		b.changed = true
		add = add[n:]
	}
	for len(add) > 0 || len(bins) == 0 {
		n := min(limit, len(add))
		bins = append(bins, &bin{wanted: &discoveryv1.EndpointSlice{
			AddressType: group.Family, Ports: group.Ports, Endpoints: slices.Clone(add[:n]),
		}, changed: true})
		add = add[n:]
	}
	return bins
}

func changedFirst(b *bin) int {
	if b.changed {
		return 0
	}
	return 1
}

// emit turns bins into writes. Of empty ones, one stays if there is nothing else.
func emit(plan *Plan, bins []*bin, finish func(*discoveryv1.EndpointSlice)) {
	used := 0
	for _, b := range bins {
		if len(b.wanted.Endpoints) > 0 {
			used++
		}
	}
	for _, b := range bins {
		if len(b.wanted.Endpoints) == 0 {
			if used > 0 {
				if b.read != nil {
					plan.Delete = append(plan.Delete, b.read)
				}
				continue
			}
			used++
		}
		finish(b.wanted)
		switch {
		case b.read == nil:
			plan.Create = append(plan.Create, b.wanted)
		case b.changed || !equality.Semantic.DeepEqual(b.read.Labels, b.wanted.Labels) ||
			!equality.Semantic.DeepEqual(b.read.OwnerReferences, b.wanted.OwnerReferences):
			plan.Update = append(plan.Update, b.wanted)
		}
	}
}

// identity tells endpoints of a group apart: the pod, or what an address belongs to.
func identity(ep discoveryv1.Endpoint) string {
	key := ""
	if len(ep.Addresses) > 0 {
		key = ep.Addresses[0]
	}
	if ep.TargetRef != nil {
		key += "/" + string(ep.TargetRef.UID) + "/" + ep.TargetRef.Name
	}
	return key
}
