package volume

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Claims is the row of PersistentVolumeClaims.
func Claims() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "persistentvolumeclaims",
		Singular:   "persistentvolumeclaim",
		Kind:       "PersistentVolumeClaim",
		ShortNames: []string{"pvc"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.PersistentVolumeClaim],
			NewList: resource.NewList[corev1.PersistentVolumeClaimList],
			Default: resource.Defaulter(defaultPersistentVolumeClaim),
		}},
		PrepareCreate:            resource.OnCreate(preparePersistentVolumeClaim),
		PrepareUpdate:            resource.OnUpdate(func(c, _ *corev1.PersistentVolumeClaim) { syncDataSources(&c.Spec) }),
		Columns:                  persistentVolumeClaimColumns(),
		Cells:                    resource.Row(persistentVolumeClaimCells),
		Validate:                 resource.Check(validatePersistentVolumeClaim),
		ValidateUpdate:           resource.CheckUpdate(validatePersistentVolumeClaimUpdate),
		Warnings:                 resource.Warn(warnPersistentVolumeClaim),
		StoragePrefix:            "persistentvolumeclaims",
		AllowUnconditionalUpdate: true,
	}, func(p *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaimSpec, *corev1.PersistentVolumeClaimStatus) {
		return &p.Spec, &p.Status
	}, resource.NoGeneration(), resource.CheckStatus(validatePersistentVolumeClaimStatus))
}

func defaultPersistentVolumeClaim(c *corev1.PersistentVolumeClaim) {
	if c.Status.Phase == "" {
		c.Status.Phase = corev1.ClaimPending
	}
	volumes.DefaultClaimSpec(&c.Spec)
	resources.RoundUp(c.Status.Capacity)
	resources.RoundUp(c.Status.AllocatedResources)
}

func preparePersistentVolumeClaim(c *corev1.PersistentVolumeClaim) {
	c.Status.Phase = corev1.ClaimPending
	syncDataSources(&c.Spec)
}

// syncDataSources keeps the older dataSource and the newer dataSourceRef alike, where both can say it.
func syncDataSources(spec *corev1.PersistentVolumeClaimSpec) {
	if spec.DataSource != nil && !knownDataSource(spec.DataSource) {
		spec.DataSource = nil
	}
	if spec.DataSourceRef != nil && ptr.Deref(spec.DataSourceRef.Namespace, "") != "" { // of other namespaces there is none by default
		spec.DataSourceRef = nil
	}
	source, ref := spec.DataSource, spec.DataSourceRef
	switch {
	case source != nil && ref == nil:
		spec.DataSourceRef = &corev1.TypedObjectReference{APIGroup: source.APIGroup, Kind: source.Kind, Name: source.Name}
	case source == nil && ref != nil && ref.Namespace == nil:
		spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ref.APIGroup, Kind: ref.Kind, Name: ref.Name}
	}
}

// knownDataSource says whether a source is of the only two kinds that dataSource ever meant.
func knownDataSource(source *corev1.TypedLocalObjectReference) bool {
	switch ptr.Deref(source.APIGroup, "") {
	case "":
		return source.Kind == "PersistentVolumeClaim"
	case "snapshot.storage.k8s.io":
		return source.Kind == "VolumeSnapshot"
	}
	return false
}
