package cluster

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/zpages"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
	"github.com/coxswain-k8s/coxswain/cluster/version"
)

// paths are those that are served beside the API.
func (c *controlPlane) paths(documents map[string]http.Handler) map[string]http.Handler {
	all := maps.Clone(documents)
	if all == nil {
		all = map[string]http.Handler{}
	}
	all[serving.ExplainPath] = &c.explainer
	all["/metrics/resources"] = serving.PodResources(c.view)
	c.addPages(all)
	if c.options.Profiling {
		return serving.WithProfiles(all)
	}
	return all
}

// addPages adds those that tell about this process.
func (c *controlPlane) addPages(to map[string]http.Handler) {
	info := version.Info()
	binary, _, _ := strings.Cut(strings.TrimPrefix(info.GitVersion, "v"), "+")
	about := &zpages.Component{
		Name: "apiserver", Version: binary, Emulated: info.EmulationMajor + "." + info.EmulationMinor, Started: metav1.Now(), Clock: clock.RealClock{}, Flags: c.options.Flags,
		Paths: []string{zpages.FlagsPath, "/healthz", "/livez", "/metrics", "/readyz", zpages.StatusPath, "/version"},
	}
	if options.GateOn(c.options.FeatureGates, options.StatusGate) {
		to[zpages.StatusPath] = about.Status()
	}
	if c.options.Flags != nil && options.GateOn(c.options.FeatureGates, options.FlagsGate) {
		to[zpages.FlagsPath] = about.FlagPage()
	}
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
