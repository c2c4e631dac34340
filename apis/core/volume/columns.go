package volume

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func persistentVolumeColumns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass", "VolumeAttributesClass", "Reason", "Age", "VolumeMode:wide")
}

func persistentVolumeCells(v *corev1.PersistentVolume, now time.Time) []any {
	claim := ""
	if ref := v.Spec.ClaimRef; ref != nil {
		claim = ref.Namespace + "/" + ref.Name
	}
	phase := string(v.Status.Phase)
	if v.DeletionTimestamp != nil {
		phase = "Terminating"
	}
	capacity := v.Spec.Capacity[corev1.ResourceStorage]
	return []any{
		v.Name,
		capacity.String(),
		accessModes(v.Spec.AccessModes),
		string(v.Spec.PersistentVolumeReclaimPolicy),
		phase,
		claim,
		storageClass(v.Annotations, v.Spec.StorageClassName),
		ptr.Deref(v.Spec.VolumeAttributesClassName, resource.Unset),
		v.Status.Reason,
		resource.AgeOf(v, now),
		string(ptr.Deref(v.Spec.VolumeMode, resource.Unset)),
	}
}

func persistentVolumeClaimColumns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age", "VolumeMode:wide")
}

func persistentVolumeClaimCells(c *corev1.PersistentVolumeClaim, now time.Time) []any {
	phase := string(c.Status.Phase)
	if c.DeletionTimestamp != nil {
		phase = "Terminating"
	}
	capacity, modes := "", ""
	if c.Spec.VolumeName != "" {
		quantity := c.Status.Capacity[corev1.ResourceStorage]
		capacity, modes = quantity.String(), accessModes(c.Status.AccessModes)
	}
	return []any{
		c.Name,
		phase,
		c.Spec.VolumeName,
		capacity,
		modes,
		storageClass(c.Annotations, ptr.Deref(c.Spec.StorageClassName, "")),
		ptr.Deref(c.Spec.VolumeAttributesClassName, resource.Unset),
		resource.AgeOf(c, now),
		string(ptr.Deref(c.Spec.VolumeMode, resource.Unset)),
	}
}

// storageClass by the annotation that came before the field, or the field.
func storageClass(annotations map[string]string, field string) string {
	if class, ok := annotations[corev1.BetaStorageClassAnnotation]; ok {
		return class
	}
	return field
}

// accessModes in short, in a fixed order, each once.
func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var out []string
	for _, mode := range []struct {
		mode  corev1.PersistentVolumeAccessMode
		short string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"}, {corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	} {
		if slices.Contains(modes, mode.mode) {
			out = append(out, mode.short)
		}
	}
	return strings.Join(out, ",")
}
