package attachdetach

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// totals counts volumes when somebody looks, from the cache.
type totals struct{ controller *Controller }

var totalDesc = prometheus.NewDesc("attachdetach_controller_total_volumes", "Number of volumes in A/D Controller", []string{"plugin_name", "state"}, nil)

// Describe implements prometheus.Collector.
func (totals) Describe(to chan<- *prometheus.Desc) { to <- totalDesc }

// Collect implements prometheus.Collector.
func (t totals) Collect(to chan<- prometheus.Metric) {
	ctx := context.Background() // a collector is given none
	nodes, attachments := &corev1.NodeList{}, &storagev1.VolumeAttachmentList{}
	for _, list := range []client.ObjectList{nodes, attachments} {
		if t.controller.Client.List(ctx, list, client.UnsafeDisableDeepCopy) != nil {
			return
		}
	}
	wanted, have := map[string]int{}, map[string]int{}
	for i := range attachments.Items {
		if va := &attachments.Items[i]; strings.HasPrefix(va.Name, "csi-") {
			have[va.Spec.Attacher]++
		}
	}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		if _, ours := node.Annotations[managed]; !ours {
			continue
		}
		wants, err := t.controller.wanted(ctx, node.Name, node.Annotations[keepTerminated] == "true")
		if err != nil {
			return
		}
		for _, want := range wants.volumes {
			wanted[want.driver]++
		}
	}
	for state, counts := range map[string]map[string]int{"desired_state_of_world": wanted, "actual_state_of_world": have} {
		for driver, count := range counts {
			to <- prometheus.MustNewConstMetric(totalDesc, prometheus.GaugeValue, float64(count), "kubernetes.io/csi:"+driver, state)
		}
	}
}
