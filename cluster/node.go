package cluster

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/apiserver"
)

// extend adds what the API server needs of the node.
func (c *controlPlane) extend(*apiserver.Server) error { return nil }

// newNode lists the parts of this machine's node.
func (c *controlPlane) newNode(context.Context, cache.Cache) ([]component, error) { return nil, nil }
