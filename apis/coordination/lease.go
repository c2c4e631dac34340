package coordination

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func leases() *resource.Resource {
	return &resource.Resource{
		Group:      coordinationv1.GroupName,
		Name:       "leases",
		Singular:   "lease",
		Kind:       "Lease",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[coordinationv1.Lease],
			NewList: resource.NewList[coordinationv1.LeaseList],
		}},
		PrepareCreate:       resource.OnCreate(prepareLease),
		PrepareUpdate:       resource.OnUpdate(prepareLeaseUpdate),
		Columns:             resource.Columns("Name:name", "Holder", "Age"),
		Cells:               resource.Row(leaseCells),
		Validate:            resource.Check(validateLease),
		AnyFinalizers:       true,
		ValidateUpdate:      resource.CheckUpdate(validateLeaseUpdate),
		StoragePrefix:       "leases",
		AllowCreateOnUpdate: true,
	}
}

// prepareLease drops what coordinated elections need, which are off.
func prepareLease(l *coordinationv1.Lease) {
	l.Spec.Strategy, l.Spec.PreferredHolder = nil, nil
}

// prepareLeaseUpdate is prepareLease for those that have none already.
func prepareLeaseUpdate(l, old *coordinationv1.Lease) {
	if old.Spec.Strategy == nil && old.Spec.PreferredHolder == nil {
		prepareLease(l)
	}
}

func leaseCells(l *coordinationv1.Lease, now time.Time) []any {
	return []any{l.Name, ptr.Deref(l.Spec.HolderIdentity, ""), resource.AgeOf(l, now)}
}
