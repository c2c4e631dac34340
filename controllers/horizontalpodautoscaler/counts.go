package horizontalpodautoscaler

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

const prefix = "horizontal_pod_autoscaler_controller_"

// counts are what the controller counts. Nil counts nothing.
type counts struct {
	rounds, metrics       *prometheus.CounterVec
	roundTime, metricTime *prometheus.HistogramVec
}

func newCounts(to prometheus.Registerer) *counts {
	times := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return kit.Histograms(to, prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}, labels...)
	}
	return &counts{
		rounds:     kit.Counters(to, prefix+"reconciliations_total", "Number of reconciliations of HPA controller, by what was scaled (scale_down, scale_up or none) and the first error (spec, internal or none).", "action", "error"),
		roundTime:  times("reconciliation_duration_seconds", "The time(seconds) that the HPA controller takes to reconcile once.", "action", "error"),
		metrics:    kit.Counters(to, prefix+"metric_computation_total", "Number of metric computations, by what the metric asks for (scale_down, scale_up or none), the error (spec, internal or none) and HPA.spec.metrics[*].type.", "action", "error", "metric_type"),
		metricTime: times("metric_computation_duration_seconds", "The time(seconds) that the HPA controller takes to calculate one metric.", "action", "error", "metric_type"),
	}
}

// Whose fault it is.
const none, internal, spec = "none", "internal", "spec"

// direction names what comes of a number of replicas.
func direction(from, to int32) string {
	switch {
	case to > from:
		return "scale_up"
	case to < from:
		return "scale_down"
	}
	return none
}

func (c *counts) looked(action, fault string, took time.Duration) {
	if c != nil {
		c.rounds.WithLabelValues(action, fault).Inc()
		c.roundTime.WithLabelValues(action, fault).Observe(took.Seconds())
	}
}

// asked counts a metric that asks for p, or cannot be read.
func (c *counts) asked(kind autoscalingv2.MetricSourceType, current int32, p *proposal, failed *failure, took time.Duration) {
	if c == nil {
		return
	}
	action, fault := none, none
	if failed == nil {
		action = direction(current, p.replicas)
	} else {
		fault = faultOf(failed.reason)
	}
	c.metrics.WithLabelValues(action, fault, string(kind)).Inc()
	c.metricTime.WithLabelValues(action, fault, string(kind)).Observe(took.Seconds())
}

// faultOf is spec where the autoscaler itself is wrong.
func faultOf(reason string) string {
	switch reason {
	case "":
		return none
	case "InvalidMetricSourceType", "InvalidSelector":
		return spec
	}
	return internal
}

// number tells how many autoscalers there are when somebody looks.
type number struct{ client client.Reader }

var numberDesc = prometheus.NewDesc(prefix+"num_horizontal_pod_autoscalers", "Current number of controlled HPA objects.", nil, nil)

// Describe implements prometheus.Collector.
func (number) Describe(to chan<- *prometheus.Desc) { to <- numberDesc }

// Collect implements prometheus.Collector.
func (n number) Collect(to chan<- prometheus.Metric) {
	var all autoscalingv2.HorizontalPodAutoscalerList
	if n.client.List(context.Background(), &all, client.UnsafeDisableDeepCopy) == nil { // a collector is given no context
		to <- prometheus.MustNewConstMetric(numberDesc, prometheus.GaugeValue, float64(len(all.Items)))
	}
}
