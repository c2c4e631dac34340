package storage

import (
	"strings"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// The annotations that make a storage class the default, today's and the one before.
var defaultClassAnnotations = []string{
	"storageclass.kubernetes.io/is-default-class",
	"storageclass.beta.kubernetes.io/is-default-class",
}

func storageClassCells(c *storagev1.StorageClass, now time.Time) []any {
	name := c.Name
	for _, annotation := range defaultClassAnnotations {
		if c.Annotations[annotation] == "true" {
			name = c.Name + " (default)"
		}
	}
	return []any{
		name,
		c.Provisioner,
		string(ptr.Deref(c.ReclaimPolicy, "Delete")),
		string(ptr.Deref(c.VolumeBindingMode, resource.Unset)),
		ptr.Deref(c.AllowVolumeExpansion, false),
		resource.AgeOf(c, now),
	}
}

func csiDriverCells(d *storagev1.CSIDriver, now time.Time) []any {
	audiences, modes := make([]string, 0, len(d.Spec.TokenRequests)), make([]string, 0, len(d.Spec.VolumeLifecycleModes))
	for _, request := range d.Spec.TokenRequests {
		audiences = append(audiences, request.Audience)
	}
	for _, mode := range d.Spec.VolumeLifecycleModes {
		modes = append(modes, string(mode))
	}
	tokens := resource.Unset
	if len(audiences) > 0 {
		tokens = strings.Join(audiences, ",")
	}
	lifecycle := resource.None
	if len(modes) > 0 {
		lifecycle = strings.Join(modes, ",")
	}
	return []any{
		d.Name,
		ptr.Deref(d.Spec.AttachRequired, true),
		ptr.Deref(d.Spec.PodInfoOnMount, false),
		ptr.Deref(d.Spec.StorageCapacity, false),
		tokens,
		ptr.Deref(d.Spec.RequiresRepublish, false),
		lifecycle,
		resource.AgeOf(d, now),
	}
}

func csiNodeCells(n *storagev1.CSINode, now time.Time) []any {
	return []any{n.Name, int64(len(n.Spec.Drivers)), resource.AgeOf(n, now)}
}

func volumeAttachmentCells(a *storagev1.VolumeAttachment, now time.Time) []any {
	return []any{
		a.Name,
		a.Spec.Attacher,
		ptr.Deref(a.Spec.Source.PersistentVolumeName, ""),
		a.Spec.NodeName,
		a.Status.Attached,
		resource.AgeOf(a, now),
	}
}

func volumeAttributesClassCells(c *storagev1.VolumeAttributesClass, now time.Time) []any {
	return []any{c.Name, c.DriverName, resource.AgeOf(c, now)}
}
