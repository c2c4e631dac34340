package cluster

import (
	"github.com/prometheus/client_golang/prometheus"
	clientmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// gatherers have what libraries count for the whole process: etcd its own, controller-runtime queues and requests of clients.
func gatherers() []prometheus.Gatherer {
	return []prometheus.Gatherer{
		metrics.Only(prometheus.DefaultGatherer, "etcd_", "grpc_server_"),
		metrics.Only(clientmetrics.Registry, "workqueue_", "rest_client_", "controller_runtime_", "leader_election_"),
	}
}

// storeSize is the size of etcd's file, where etcd is in the process.
func (c *controlPlane) storeSize() int64 {
	if member, ok := c.etcd.(interface{ Status() etcd.Status }); ok {
		return member.Status().Size
	}
	return 0
}
