package cluster

import (
	"context"
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
)

// paths are those that are served beside the API.
func (c *controlPlane) paths(documents map[string]http.Handler) map[string]http.Handler {
	all := maps.Clone(documents)
	if all == nil {
		all = map[string]http.Handler{}
	}
	all[serving.ExplainPath] = &c.explainer
	all["/metrics/resources"] = serving.PodResources(c.view)
	if c.options.Profiling {
		return serving.WithProfiles(all)
	}
	return all
}

// instrument has the server's /metrics show what is known here alone.
func (c *controlPlane) instrument() {
	var handshakes prometheus.Collector
	c.httpErrors, handshakes = serving.CountHandshakes()
	c.server.Collectors = append(c.server.Collectors, handshakes, serving.Unavailable{Lister: c.view}, c.scheduling)
	c.counting = prometheus.NewRegistry()
	c.server.Gatherers, c.server.StoreSize = append(serving.Gatherers(), c.counting), c.storeSize
}

// storeSize is the size of etcd's file, where etcd is in the process.
func (c *controlPlane) storeSize() int64 {
	if member, ok := c.etcd.(interface{ Status() etcd.Status }); ok {
		return member.Status().Size
	}
	return 0
}

// keepKeys looks after the keys of encryption while the control plane runs.
func (c *controlPlane) keepKeys(ctx context.Context) {
	if c.keys == nil {
		return
	}
	c.run("encryption", func() error { return c.keys.Run(ctx) })
	c.server.Collectors = append(c.server.Collectors, c.keys.Collectors()...)
	if c.keys.UsesPlugins() {
		c.server.Checks = append(c.server.Checks, apiserver.Check{Name: "kms-providers", Check: c.keys.Check, ReadyOnly: true})
	}
}
