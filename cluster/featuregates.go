package cluster

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// cborGate is upstream's name for requests and answers in CBOR.
const cborGate = "CBORServingAndStorage"

// switchFeatures does what the feature gates say. Those that are not known here are named, and ignored: what upstream has on by
// default is on.
func (c *controlPlane) switchFeatures(ctx context.Context) {
	for _, name := range slices.Sorted(maps.Keys(c.options.FeatureGates)) {
		on, err := strconv.ParseBool(c.options.FeatureGates[name])
		if name == migrationGate && err == nil {
			continue // see migrates
		}
		if name != cborGate || err != nil {
			log.FromContext(ctx).Info("Feature gate is ignored", "name", name, "value", c.options.FeatureGates[name])
			continue
		}
		c.server.CBOR = on
	}
}
