package persistentvolume

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// counts says how many volumes and claims there are when somebody looks, from the cache.
type counts struct{ api client.Reader }

var (
	totalVolumes  = desc("total_pv_count", "Gauge measuring total number of persistent volumes", "plugin_name", "volume_mode")
	boundVolumes  = desc("bound_pv_count", "Gauge measuring number of persistent volume currently bound", "storage_class")
	freeVolumes   = desc("unbound_pv_count", "Gauge measuring number of persistent volume currently unbound", "storage_class")
	boundClaims   = desc("bound_pvc_count", "Gauge measuring number of persistent volume claim currently bound", "namespace", "storage_class", "volume_attributes_class")
	waitingClaims = desc("unbound_pvc_count", "Gauge measuring number of persistent volume claim currently unbound", "namespace", "storage_class", "volume_attributes_class")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pv_collector_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (counts) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{totalVolumes, boundVolumes, freeVolumes, boundClaims, waitingClaims} {
		to <- d
	}
}

// series is one number: the description and up to three values of its labels.
type series struct {
	desc   *prometheus.Desc
	labels [3]string
	values int
}

// Collect implements prometheus.Collector.
func (c counts) Collect(to chan<- prometheus.Metric) {
	ctx := context.Background() // a collector is given none
	volumes, claims := &corev1.PersistentVolumeList{}, &corev1.PersistentVolumeClaimList{}
	for _, list := range []client.ObjectList{volumes, claims} {
		if c.api.List(ctx, list, client.UnsafeDisableDeepCopy) != nil {
			return
		}
	}
	all := map[series]int{}
	for i := range volumes.Items {
		v := &volumes.Items[i]
		of := freeVolumes
		if v.Status.Phase == corev1.VolumeBound {
			of = boundVolumes
		}
		all[series{of, [3]string{volume.GetPersistentVolumeClass(v)}, 1}]++
		all[series{totalVolumes, [3]string{pluginOf(v), string(ptr.Deref(v.Spec.VolumeMode, corev1.PersistentVolumeFilesystem))}, 2}]++
	}
	for i := range claims.Items {
		claim := &claims.Items[i]
		of := waitingClaims
		if claim.Status.Phase == corev1.ClaimBound {
			of = boundClaims
		}
		all[series{of, [3]string{claim.Namespace, volume.GetPersistentVolumeClaimClass(claim), ptr.Deref(claim.Spec.VolumeAttributesClassName, "")}, 3}]++
	}
	for s, count := range all {
		to <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, float64(count), s.labels[:s.values]...)
	}
}

// pluginOf is the name of what a volume is of, N/A for drivers that have left the tree.
func pluginOf(v *corev1.PersistentVolume) string {
	switch {
	case v.Spec.CSI != nil:
		return "kubernetes.io/csi:" + v.Spec.CSI.Driver
	case v.Spec.HostPath != nil:
		return "kubernetes.io/host-path"
	case v.Spec.NFS != nil:
		return "kubernetes.io/nfs"
	case v.Spec.Local != nil:
		return "kubernetes.io/local-volume"
	case v.Spec.ISCSI != nil:
		return "kubernetes.io/iscsi"
	case v.Spec.FC != nil:
		return "kubernetes.io/fc"
	}
	return "N/A"
}
