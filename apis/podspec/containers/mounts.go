package containers

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

func (c *Pod) validateMounts(container *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	devices := map[string]string{}
	for _, device := range container.VolumeDevices {
		devices[device.Name] = device.DevicePath
	}
	devicePaths := sets.New(slices.Collect(maps.Values(devices))...)
	paths := sets.New[string]()
	for i := range container.VolumeMounts {
		mount, at := &container.VolumeMounts[i], path.Index(i)
		if mount.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		if c.Volumes[mount.Name] == nil {
			errs = append(errs, field.NotFound(at.Child("name"), mount.Name))
		}
		if mount.MountPath == "" {
			errs = append(errs, field.Required(at.Child("mountPath"), ""))
		}
		if paths.Has(mount.MountPath) {
			errs = append(errs, field.Invalid(at.Child("mountPath"), mount.MountPath, "must be unique"))
		}
		paths.Insert(mount.MountPath)
		if _, ok := devices[mount.Name]; ok {
			errs = append(errs, field.Invalid(at.Child("name"), mount.Name, "must not already exist in volumeDevices"))
		}
		if devicePaths.Has(mount.MountPath) {
			errs = append(errs, field.Invalid(at.Child("mountPath"), mount.MountPath, "must not already exist as a path in volumeDevices"))
		}
		if mount.SubPath != "" {
			errs = append(errs, check.LocalPath(path.Child("subPath"), mount.SubPath)...)
		}
		if mount.SubPathExpr != "" {
			if mount.SubPath != "" {
				errs = append(errs, field.Invalid(at.Child("subPathExpr"), mount.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
			}
			errs = append(errs, check.LocalPath(path.Child("subPathExpr"), mount.SubPathExpr)...)
		}
		if mount.MountPropagation != nil {
			errs = append(errs, validatePropagation(*mount.MountPropagation, container, path.Child("mountPropagation"))...)
		}
		errs = append(errs, validateRecursiveReadOnly(mount, path)...)
	}
	return errs
}

func validatePropagation(mode corev1.MountPropagationMode, container *corev1.Container, path *field.Path) field.ErrorList {
	errs := check.OneOf(path, mode, corev1.MountPropagationBidirectional, corev1.MountPropagationHostToContainer, corev1.MountPropagationNone)
	privileged := container.SecurityContext != nil && ptr.Deref(container.SecurityContext.Privileged, false)
	if mode == corev1.MountPropagationBidirectional && !privileged {
		errs = append(errs, field.Forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))
	}
	return errs
}

func validateRecursiveReadOnly(mount *corev1.VolumeMount, path *field.Path) field.ErrorList {
	mode := ptr.Deref(mount.RecursiveReadOnly, corev1.RecursiveReadOnlyDisabled)
	if mode == corev1.RecursiveReadOnlyDisabled {
		return nil
	}
	path = path.Child("recursiveReadOnly")
	if mode != corev1.RecursiveReadOnlyEnabled && mode != corev1.RecursiveReadOnlyIfPossible {
		return check.OneOf(path, mode, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyEnabled, corev1.RecursiveReadOnlyIfPossible)
	}
	var errs field.ErrorList
	if !mount.ReadOnly {
		errs = append(errs, field.Forbidden(path, "may only be specified when readOnly is true"))
	}
	if ptr.Deref(mount.MountPropagation, corev1.MountPropagationNone) != corev1.MountPropagationNone {
		errs = append(errs, field.Forbidden(path, "may only be specified when mountPropagation is None or not specified"))
	}
	return errs
}

func (c *Pod) validateDevices(container *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	mounts := map[string]string{}
	for _, mount := range container.VolumeMounts {
		mounts[mount.Name] = mount.MountPath
	}
	mountPaths := sets.New(slices.Collect(maps.Values(mounts))...)
	names, paths := sets.New[string](), sets.New[string]()
	for i, device := range container.VolumeDevices {
		at := path.Index(i)
		if device.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		if names.Has(device.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name, "must be unique"))
		}
		names.Insert(device.Name)
		if source := c.Volumes[device.Name]; source == nil {
			errs = append(errs, field.NotFound(at.Child("name"), device.Name))
		} else if source.PersistentVolumeClaim == nil && source.Ephemeral == nil {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
		}
		if device.DevicePath == "" {
			errs = append(errs, field.Required(at.Child("devicePath"), ""))
		}
		if paths.Has(device.DevicePath) {
			errs = append(errs, field.Invalid(at.Child("devicePath"), device.DevicePath, "must be unique"))
		}
		paths.Insert(device.DevicePath)
		if slices.Contains(strings.Split(device.DevicePath, "/"), "..") {
			errs = append(errs, field.Invalid(at.Child("devicePath"), device.DevicePath, "can not contain backsteps ('..')"))
		}
		if _, ok := mounts[device.Name]; ok {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name, "must not already exist in volumeMounts"))
		}
		if mountPaths.Has(device.DevicePath) {
			errs = append(errs, field.Invalid(at.Child("devicePath"), device.DevicePath, "must not already exist as a path in volumeMounts"))
		}
	}
	return errs
}
