package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/zpages"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
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
	serving.Pages{
		Component: "apiserver", Gates: c.options.FeatureGates, Flags: c.options.Flags,
		Paths: []string{zpages.FlagsPath, "/healthz", "/livez", "/metrics", "/readyz", zpages.StatusPath, "/version"},
	}.AddTo(all)
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
	c.server.Gatherers, c.server.StoreSizes = append(serving.Gatherers(), c.counting), c.storeSizes
}

// switchFeatures does what the feature gates say of the server. Gates of features that are not here are named in the log, and ignored.
func (c *controlPlane) switchFeatures(ctx context.Context) {
	if others := options.OtherGates(c.options.FeatureGates); len(others) > 0 {
		log.FromContext(ctx).Info("Feature gates are ignored", "names", others)
	}
	c.server.CBOR = options.GateOn(c.options.FeatureGates, options.CBORGate)
	c.server.Collectors = append(c.server.Collectors, metrics.Features(func(tell func(name, stage string, on bool)) {
		options.EachGate(c.options.FeatureGates, tell)
	}))
}

// storeSizes are the sizes of the files of etcd's members.
func (c *controlPlane) storeSizes() []int64 {
	switch store := c.etcd.(type) {
	case interface{ Status() etcd.Status }:
		return []int64{store.Status().Size}
	case *etcd.Client:
		return store.Sizes()
	}
	return nil
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

// bound tells the server what the options say of requests.
func bound(o *options.RequestOptions, s *apiserver.Server) {
	s.RequestTimeout, s.MinWatch = o.RequestTimeout.Duration, time.Duration(orNone(o.MinRequestTimeout))*time.Second
	s.MaxInFlight, s.MaxMutatingInFlight = orNone(o.MaxRequestsInflight), orNone(o.MaxMutatingRequestsInflight)
	s.GoawayChance = o.GoawayChance
	if o.EnablePriorityAndFairness {
		s.Flows = &flowcontrol.Controller{Seats: o.MaxRequestsInflight + o.MaxMutatingRequestsInflight, Clock: clock.RealClock{}}
	}
}

// orNone: what 0 means on the command line, the server is told by a number below it.
func orNone(value int) int {
	if value == 0 {
		return -1
	}
	return value
}

// runFlowControl follows the FlowSchemas and PriorityLevelConfigurations of the cluster, until ctx ends.
func (c *controlPlane) runFlowControl(ctx context.Context) error {
	if c.server.Flows == nil {
		return nil
	}
	select {
	case <-c.ready: // the objects of a new cluster are there: none is missed and made a second time
	case <-ctx.Done():
		return nil
	}
	writer, err := c.inProcess.Client(identity.Server(), nil)
	if err != nil {
		return err
	}
	reconciler := &flowcontrol.Reconciler{Controller: c.server.Flows, View: c.view, Client: writer, Clock: clock.RealClock{}}
	return reconciler.Run(ctx)
}

// newAudit opens what the options ask for. The log is nil when they ask for nothing. Its parts end when ctx does.
func (c *controlPlane) newAudit(ctx context.Context) (*audit.Log, error) {
	o := c.options.AuditOptions
	if o.AuditPolicyFile == "" {
		if o.AuditLogPath != "" || o.AuditWebhookConfigFile != "" || c.options.AuditSink != nil {
			return nil, errors.New("recording requests needs --audit-policy-file, which says which and how much")
		}
		return nil, nil
	}
	policy, err := audit.LoadPolicy(o.AuditPolicyFile)
	if err != nil {
		return nil, err
	}
	recording := &audit.Log{Policy: policy, Clock: clock.RealClock{}}
	if c.options.AuditSink != nil {
		recording.Sinks = append(recording.Sinks, c.options.AuditSink)
	}
	logger := log.FromContext(ctx).WithName("audit")
	if o.AuditLogPath != "" {
		file := &audit.File{Path: o.AuditLogPath, MaxAge: o.AuditLogMaxAge, MaxBackups: o.AuditLogMaxBackup, MaxSize: o.AuditLogMaxSize, Compress: o.AuditLogCompress, Logger: logger}
		if err := file.Open(); err != nil {
			return nil, fmt.Errorf("opening the audit log: %w", err)
		}
		c.closers = append(c.closers, file)
		recording.Sinks = append(recording.Sinks, file)
	}
	if o.AuditWebhookConfigFile != "" {
		webhook, err := audit.NewWebhook(o.AuditWebhookConfigFile, clock.RealClock{}, logger)
		if err != nil {
			return nil, err
		}
		c.run("audit webhook", func() error { webhook.Run(ctx); return nil })
		recording.Sinks = append(recording.Sinks, webhook)
	}
	return recording, nil
}
