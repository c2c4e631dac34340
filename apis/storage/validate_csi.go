package storage

import (
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
)

const (
	maxDriverName    = 63
	maxNodeID        = 256
	minTokenSeconds  = 10 * 60
	maxTokenSeconds  = 1 << 32
	minPeriodSeconds = 10
)

// lower is the spelling in which names of drivers are checked.
func lower(name string) string { return strings.ToLower(name) }

func validateDriverName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLong(path, name, maxDriverName))
	}
	for _, message := range apivalidation.NameIsDNSSubdomain(lower(name), false) {
		errs = append(errs, field.Invalid(path, name, message))
	}
	return errs
}

func validateCSIDriver(d *storagev1.CSIDriver) field.ErrorList {
	spec, path := &d.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if spec.AttachRequired == nil {
		errs = append(errs, field.Required(path.Child("attachedRequired"), ""))
	}
	if policy := spec.FSGroupPolicy; policy != nil {
		errs = append(errs, check.OneOf(path.Child("fsGroupPolicy"), *policy, storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)...)
	}
	errs = append(errs, validateTokenRequests(spec.TokenRequests, path.Child("tokenRequests"))...)
	errs = append(errs, validateLifecycleModes(spec.VolumeLifecycleModes, path)...)
	if seconds := spec.NodeAllocatableUpdatePeriodSeconds; seconds != nil && *seconds < minPeriodSeconds {
		errs = append(errs, field.Invalid(path.Child("nodeAllocatableUpdatePeriodSeconds"), *seconds, "must be greater than or equal to 10 seconds"))
	}
	if ptr.Deref(spec.ServiceAccountTokenInSecrets, false) && len(spec.TokenRequests) == 0 {
		errs = append(errs, field.Invalid(path.Child("serviceAccountTokenInSecrets"), true, "serviceAccountTokenInSecrets is set but no tokenRequests are specified"))
	}
	return errs
}

func validateCSIDriverUpdate(d, old *storagev1.CSIDriver) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateCSIDriver(d)
	errs = append(errs, check.Immutable(path.Child("attachedRequired"), d.Spec.AttachRequired, old.Spec.AttachRequired)...)
	return append(errs, check.Immutable(path.Child("volumeLifecycleModes"), d.Spec.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes)...)
}

func validateLifecycleModes(modes []storagev1.VolumeLifecycleMode, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, mode := range modes {
		errs = append(errs, check.OneOf(path.Child("volumeLifecycleModes"), mode, storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral)...)
	}
	return errs
}

func validateTokenRequests(requests []storagev1.TokenRequest, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	audiences := sets.New[string]()
	for i, request := range requests {
		at := path.Index(i)
		if audiences.Has(request.Audience) {
			errs = append(errs, field.Duplicate(at.Child("audience"), request.Audience))
			continue
		}
		audiences.Insert(request.Audience)
		if request.ExpirationSeconds == nil {
			continue
		}
		seconds := *request.ExpirationSeconds
		if seconds < minTokenSeconds {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes"))
		}
		if seconds > maxTokenSeconds {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return errs
}

func validateCSINode(n *storagev1.CSINode) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec", "drivers")
	names := sets.New[string]()
	for i := range n.Spec.Drivers {
		driver, at := &n.Spec.Drivers[i], path.Index(i)
		errs = append(errs, validateNodeDriver(driver, at)...)
		if names.Has(driver.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), driver.Name))
		}
		names.Insert(driver.Name)
	}
	return errs
}

func validateNodeDriver(d *storagev1.CSINodeDriver, path *field.Path) field.ErrorList {
	errs := validateDriverName(d.Name, path.Child("name"))
	switch {
	case d.NodeID == "":
		errs = append(errs, field.Required(path.Child("nodeID"), ""))
	case len(d.NodeID) > maxNodeID:
		errs = append(errs, field.Invalid(path.Child("nodeID"), d.NodeID, "must be 256 characters or less"))
	}
	if d.Allocatable != nil && d.Allocatable.Count != nil {
		errs = append(errs, check.NonNegative(path.Child("allocatable", "count"), *d.Allocatable.Count)...)
	}
	keys := sets.New[string]()
	for _, key := range d.TopologyKeys {
		if key == "" {
			errs = append(errs, field.Required(path, ""))
		}
		if keys.Has(key) {
			errs = append(errs, field.Duplicate(path, key))
		}
		keys.Insert(key)
		errs = append(errs, check.QualifiedName(path, key)...)
	}
	return errs
}

// nodeDriverText is how a driver that changed is printed.
type nodeDriverText struct {
	Name, NodeID string
	TopologyKeys []string
	Allocatable  *storagev1.VolumeNodeResources
}

// validateCSINodeUpdate lets drivers come, go and change how many volumes they take.
func validateCSINodeUpdate(n, old *storagev1.CSINode) field.ErrorList {
	errs := validateCSINode(n)
	before := map[string]storagev1.CSINodeDriver{}
	for _, driver := range old.Spec.Drivers {
		before[driver.Name] = driver
	}
	for _, driver := range n.Spec.Drivers {
		if was, known := before[driver.Name]; known {
			errs = append(errs, check.Immutable(field.NewPath("spec", "drivers"), textOf(&driver), textOf(&was))...)
		}
	}
	return errs
}

func textOf(d *storagev1.CSINodeDriver) nodeDriverText {
	return nodeDriverText{Name: d.Name, NodeID: d.NodeID, TopologyKeys: d.TopologyKeys}
}

func validateCSIStorageCapacity(c *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := check.Selector(field.NewPath("nodeTopology"), c.NodeTopology)
	for _, message := range apivalidation.NameIsDNSSubdomain(c.StorageClassName, false) {
		errs = append(errs, field.Invalid(field.NewPath("storageClassName"), c.StorageClassName, message))
	}
	if c.Capacity != nil {
		errs = append(errs, resources.NonNegativeQuantity(*c.Capacity, field.NewPath("capacity"))...)
	}
	return errs
}

func validateCSIStorageCapacityUpdate(c, old *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := validateCSIStorageCapacity(c)
	errs = append(errs, check.Immutable(field.NewPath("nodeTopology"), c.NodeTopology, old.NodeTopology)...)
	return append(errs, check.Immutable(field.NewPath("storageClassName"), c.StorageClassName, old.StorageClassName)...)
}
