package cloudnode

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	cloudapi "k8s.io/cloud-provider/api"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "cloudnode"

// Controller reconciles Nodes that the cloud has not been asked about.
type Controller struct {
	Client    client.Client
	Recorder  record.EventRecorder
	Instances cloudprovider.InstancesV2
}

// Reconcile writes what the cloud knows of a Node, its addresses first, and takes the taint away.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	if !uninitialized(node) {
		return reconcile.Result{}, nil
	}
	known, err := c.Instances.InstanceMetadata(ctx, node.DeepCopy())
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("asking the cloud about node %s: %w", node.Name, err)
	}
	if known == nil {
		return reconcile.Result{}, fmt.Errorf("asking the cloud about node %s: it answers nothing", node.Name)
	}
	return patch.Result(reconcile.Result{}, c.initialize(ctx, node, known))
}

func (c *Controller) initialize(ctx context.Context, node *corev1.Node, known *cloudprovider.InstanceMetadata) error {
	current := node.DeepCopy()
	if len(known.NodeAddresses) > 0 && !slices.Equal(known.NodeAddresses, node.Status.Addresses) {
		current.Status.Addresses = addresses(node, known.NodeAddresses)
		if err := c.Client.Status().Update(ctx, current); err != nil {
			return fmt.Errorf("writing addresses of node %s: %w", node.Name, err)
		}
	}
	changed, _, err := patch.Object(ctx, c.Client, current, func(node *corev1.Node) { describe(node, known) })
	if err != nil {
		return err
	}
	c.Recorder.Event(changed, corev1.EventTypeNormal, "Synced", "Node synced successfully")
	return nil
}

func uninitialized(node *corev1.Node) bool {
	return node.DeletionTimestamp == nil && slices.ContainsFunc(node.Spec.Taints, isUninitialized)
}

func isUninitialized(t corev1.Taint) bool { return t.Key == cloudapi.TaintExternalCloudProvider }

// addresses that the cloud names; the host name that the kubelet has given stays where the cloud gives none.
func addresses(node *corev1.Node, known []corev1.NodeAddress) []corev1.NodeAddress {
	isName := func(a corev1.NodeAddress) bool { return a.Type == corev1.NodeHostName }
	all := slices.Clone(known)
	if i := slices.IndexFunc(node.Status.Addresses, isName); i >= 0 && !slices.ContainsFunc(all, isName) {
		all = append(all, node.Status.Addresses[i])
	}
	return all
}

// describe writes what the cloud knows into a Node. The older spellings of labels are still selected by.
func describe(node *corev1.Node, known *cloudprovider.InstanceMetadata) {
	if node.Spec.ProviderID == "" {
		node.Spec.ProviderID = known.ProviderID
	}
	set := func(value string, keys ...string) {
		if value == "" {
			return
		}
		if node.Labels == nil {
			node.Labels = map[string]string{}
		}
		for _, key := range keys {
			node.Labels[key] = value
		}
	}
	set(known.InstanceType, corev1.LabelInstanceType, corev1.LabelInstanceTypeStable)
	set(known.Zone, corev1.LabelFailureDomainBetaZone, corev1.LabelTopologyZone)
	set(known.Region, corev1.LabelFailureDomainBetaRegion, corev1.LabelTopologyRegion)
	for key, value := range known.AdditionalLabels {
		set(value, key)
	}
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, isUninitialized)
}

// Register puts the controller on mgr if the cloud knows machines. It wakes when a Node with the taint comes or changes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if deps.Cloud == nil {
		return nil
	}
	instances, ok := deps.Cloud.InstancesV2()
	if !ok {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "cloud-node-controller"), Instances: instances}
	waits := predicate.NewPredicateFuncs(func(o client.Object) bool {
		node, ok := o.(*corev1.Node)
		return ok && uninitialized(node)
	})
	return kit.New(mgr, Name).For(&corev1.Node{}, builder.WithPredicates(waits)).Complete(reconcile.AsReconciler(c.Client, c))
}
