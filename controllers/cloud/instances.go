package cloud

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	cloudprovider "k8s.io/cloud-provider"
)

var _ cloudprovider.InstancesV2 = instances{}

// instances are the machines of a cluster that is in no cloud: what their kubelets say of them is so, and only their users know whether they
// will come back.
type instances struct{}

// InstanceExists implements cloudprovider.InstancesV2.
func (instances) InstanceExists(context.Context, *corev1.Node) (bool, error) { return true, nil }

// InstanceShutdown implements cloudprovider.InstancesV2.
func (instances) InstanceShutdown(context.Context, *corev1.Node) (bool, error) { return false, nil }

// InstanceMetadata implements cloudprovider.InstancesV2.
func (instances) InstanceMetadata(_ context.Context, node *corev1.Node) (*cloudprovider.InstanceMetadata, error) {
	return &cloudprovider.InstanceMetadata{ProviderID: LocalName + "://" + node.Name, NodeAddresses: slices.Clone(node.Status.Addresses)}, nil
}
