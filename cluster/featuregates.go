package cluster

import (
	"context"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// switchFeatures does what the feature gates say; migrates asks for another one. Those that are not known here are named, and ignored.
func (c *controlPlane) switchFeatures(ctx context.Context) {
	if others := options.OtherGates(c.options.FeatureGates, slices.Collect(maps.Keys(options.Gates))...); len(others) > 0 {
		log.FromContext(ctx).Info("Feature gates are ignored", "names", others)
	}
	c.server.CBOR = options.GateOn(c.options.FeatureGates, options.CBORGate)
	c.server.Collectors = append(c.server.Collectors, metrics.Features(func(tell func(name, stage string, on bool)) {
		for name, stage := range options.Gates {
			tell(name, stage, options.GateOn(c.options.FeatureGates, name))
		}
	}))
}
