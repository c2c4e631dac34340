package serving

import (
	"bytes"
	"log"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	clientmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/cacheview"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	schedulermetrics "github.com/coxswain-k8s/coxswain/scheduler/metrics"
)

// Gatherers have what libraries count for the whole process: etcd its own, controller-runtime queues and requests of clients.
func Gatherers() []prometheus.Gatherer {
	return []prometheus.Gatherer{
		metrics.Only(prometheus.DefaultGatherer, "etcd_", "grpc_server_"),
		metrics.Only(clientmetrics.Registry, "workqueue_", "rest_client_", "controller_runtime_", "leader_election_"),
	}
}

// CountHandshakes counts those that fail by what an HTTP server tells the logger.
func CountHandshakes() (*log.Logger, prometheus.Collector) {
	failed := prometheus.NewCounter(prometheus.CounterOpts{Name: "apiserver_tls_handshake_errors_total", Help: "TLS handshakes that failed."})
	return log.New(handshakeErrors{failed}, "", 0), failed
}

// handshakeErrors counts what the HTTP server has to say of handshakes. They are the clients' business, and so is all else it says.
type handshakeErrors struct{ count prometheus.Counter }

// Write implements io.Writer.
func (h handshakeErrors) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("TLS handshake error")) {
		h.count.Inc()
	}
	return len(line), nil
}

// Unavailable tells of each APIService whether there is nobody who answers for it.
type Unavailable struct{ auth.Lister }

var unavailableDesc = prometheus.NewDesc("aggregator_unavailable_apiservice", "APIServices that are unavailable.", []string{"name"}, nil)

// Describe implements prometheus.Collector.
func (u Unavailable) Describe(to chan<- *prometheus.Desc) { to <- unavailableDesc }

// Collect implements prometheus.Collector.
func (u Unavailable) Collect(to chan<- prometheus.Metric) {
	for _, s := range auth.List[*apiregistrationv1.APIService](u, schema.GroupResource{Group: apiregistrationv1.GroupName, Resource: "apiservices"}, "") {
		value := 0.0
		if slices.ContainsFunc(s.Status.Conditions, func(c apiregistrationv1.APIServiceCondition) bool {
			return c.Type == apiregistrationv1.Available && c.Status != apiregistrationv1.ConditionTrue
		}) {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(unavailableDesc, prometheus.GaugeValue, value, s.Name)
	}
}

// PodResources serves what pods ask for, as schedulers do beside their /metrics. It costs as much as there are pods, when somebody asks.
func PodResources(view *cacheview.View) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(schedulermetrics.Resources{Pods: func(yield func(*corev1.Pod) bool) {
		view.Each(schema.GroupResource{Resource: "pods"}, "", func(object resource.Object) bool {
			pod, ok := object.(*corev1.Pod)
			return !ok || yield(pod)
		})
	}})
	return promhttp.HandlerFor(metrics.Levelled(registry), promhttp.HandlerOpts{MaxRequestsInFlight: 1})
}
