package cluster

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// switchFeatures does what the feature gates say; migrates asks for another one. Those that ask for what there is not here are named, and ignored.
func (c *controlPlane) switchFeatures(ctx context.Context) {
	if others := options.OtherGates(c.options.FeatureGates); len(others) > 0 {
		log.FromContext(ctx).Info("Feature gates are ignored", "names", others)
	}
	c.server.CBOR = options.GateOn(c.options.FeatureGates, options.CBORGate)
	c.server.Collectors = append(c.server.Collectors, metrics.Features(func(tell func(name, stage string, on bool)) {
		options.EachGate(c.options.FeatureGates, tell)
	}))
}
