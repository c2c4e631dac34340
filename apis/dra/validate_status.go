package dra

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/placement"
)

// What the status of a claim may hold.
const (
	maxReservations      = 256
	maxDeviceConditions  = 8
	maxInterfaceName     = 256
	maxHardwareAddresses = 128
)

// deviceID names a device that is allocated.
type deviceID struct{ Driver, Pool, Device, ShareID string }

func shareOf(id *types.UID) string { return string(ptr.Deref(id, "")) }

// validateResourceClaimStatus checks who uses a claim, and that its devices do not change while they do.
func validateResourceClaimStatus(c, old *resourcev1.ResourceClaim) field.ErrorList {
	path := field.NewPath("status")
	errs := validateReservations(c, path.Child("reservedFor"))
	allocated := sets.New[deviceID]()
	if allocation := c.Status.Allocation; allocation != nil {
		for _, result := range allocation.Devices.Results {
			allocated.Insert(deviceID{result.Driver, result.Pool, result.Device, shareOf(result.ShareID)})
		}
		if old.Status.Allocation == nil {
			errs = append(errs, validateAllocation(allocation, requestNames(c.Spec.Devices.Requests), path.Child("allocation"))...)
		} else if !equality.Semantic.DeepEqual(allocation, old.Status.Allocation) {
			errs = append(errs, field.Invalid(path.Child("allocation"), check.GoNames(allocation), "field is immutable"))
		}
	}
	return append(errs, validateDevices(c.Status.Devices, allocated, path.Child("devices"))...)
}

func validateReservations(c *resourcev1.ResourceClaim, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	users := c.Status.ReservedFor
	if len(users) > maxReservations {
		errs = append(errs, field.TooMany(path, len(users), maxReservations))
	}
	seen := sets.New[types.UID]()
	for i, user := range users {
		at := path.Index(i)
		if seen.Has(user.UID) {
			errs = append(errs, field.Duplicate(at, user.UID))
			continue
		}
		seen.Insert(user.UID)
		for _, part := range []struct{ name, value string }{{"resource", user.Resource}, {"name", user.Name}, {"uid", string(user.UID)}} {
			if part.value == "" {
				errs = append(errs, field.Required(at.Child(part.name), ""))
			}
		}
	}
	if len(users) > 0 && c.Status.Allocation == nil {
		errs = append(errs, field.Forbidden(path, "may not be specified when `allocated` is not set"))
	}
	return errs
}

func validateAllocation(a *resourcev1.AllocationResult, requests sets.Set[string], path *field.Path) field.ErrorList {
	errs := validateList(a.Devices.Results, maxRequests, path.Child("devices", "results"), func(result *resourcev1.DeviceRequestAllocationResult, at *field.Path) field.ErrorList {
		errs := validateRequestRef(result.Request, requests, at.Child("request"))
		errs = append(errs, validateDriver(result.Driver, at.Child("driver"))...)
		errs = append(errs, validatePoolName(result.Pool, at.Child("pool"))...)
		return append(errs, check.Label(at.Child("device"), result.Device)...)
	})
	at := path.Child("devices", "config")
	for i := range a.Devices.Config {
		config, where := &a.Devices.Config[i], at.Index(i)
		errs = append(errs, check.RequiredOneOf(where.Child("source"), config.Source, resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass)...)
		errs = append(errs, validateRequestRefs(config.Requests, requests, where.Child("requests"))...)
		errs = append(errs, validateConfiguration(&config.DeviceConfiguration, where)...)
	}
	if a.NodeSelector != nil {
		errs = append(errs, placement.ValidateNodeSelector(a.NodeSelector, path.Child("nodeSelector"))...)
	}
	return errs
}

// validateDevices checks what drivers say about devices that are allocated.
func validateDevices(devices []resourcev1.AllocatedDeviceStatus, allocated sets.Set[deviceID], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[deviceID]()
	for i := range devices {
		device, at := &devices[i], path.Index(i)
		id := deviceID{device.Driver, device.Pool, device.Device, ptr.Deref(device.ShareID, "")}
		switch {
		case seen.Has(id):
			errs = append(errs, field.Duplicate(at, id))
		case !allocated.Has(id):
			errs = append(errs, field.Invalid(at, id, "must be an allocated device in the claim"))
		}
		seen.Insert(id)
		if len(device.Conditions) > maxDeviceConditions {
			errs = append(errs, field.TooMany(at.Child("conditions"), len(device.Conditions), maxDeviceConditions))
		}
		errs = append(errs, metav1validation.ValidateConditions(device.Conditions, at.Child("conditions"))...)
		if data := device.Data; data != nil && len(data.Raw) > maxParameterSize {
			errs = append(errs, field.TooLong(at.Child("data"), "", maxParameterSize))
		}
		errs = append(errs, validateNetworkData(device.NetworkData, at.Child("networkData"))...)
	}
	return errs
}

func validateNetworkData(data *resourcev1.NetworkDeviceData, path *field.Path) field.ErrorList {
	if data == nil {
		return nil
	}
	var errs field.ErrorList
	if len(data.InterfaceName) > maxInterfaceName {
		errs = append(errs, field.TooLong(path.Child("interfaceName"), data.InterfaceName, maxInterfaceName))
	}
	if len(data.HardwareAddress) > maxHardwareAddresses {
		errs = append(errs, field.TooLong(path.Child("hardwareAddress"), data.HardwareAddress, maxHardwareAddresses))
	}
	for i, address := range data.IPs {
		errs = append(errs, validation.IsValidInterfaceAddress(path.Child("ips").Index(i), address)...)
	}
	return errs
}
