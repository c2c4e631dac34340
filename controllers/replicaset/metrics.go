package replicaset

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func newRatio(to prometheus.Registerer) prometheus.Histogram {
	return kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "replicaset_controller_sorting_deletion_age_ratio", Buckets: prometheus.ExponentialBuckets(0.25, 2, 6),
		Help: "The ratio of chosen deleted pod's ages to the current youngest pod's age (at the time). Should be <2. Only ready pods count.",
	}))
}
