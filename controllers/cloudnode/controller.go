package cloudnode

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	cloudprovider "k8s.io/cloud-provider"
	cloudapi "k8s.io/cloud-provider/api"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "cloudnode"

// Controller reconciles Nodes with what the cloud knows of their machines.
type Controller struct {
	Client    client.Client
	Recorder  record.EventRecorder
	Instances cloudprovider.InstancesV2
	Clock     clock.WithTicker
	// Period is how often the cloud is asked for the addresses of all Nodes.
	Period time.Duration
}

// Reconcile writes what the cloud knows of a Node, its addresses first, and takes the taint away. Of a Node without the taint it writes
// the addresses, if they are others.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	if node.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	known, err := c.Instances.InstanceMetadata(ctx, node.DeepCopy())
	if err == nil && known == nil {
		err = errors.New("it answers nothing")
	}
	switch {
	case err == nil:
		return patch.Result(reconcile.Result{}, c.initialize(ctx, node, known))
	case uninitialized(node):
		return reconcile.Result{}, fmt.Errorf("asking the cloud about node %s: %w", node.Name, err)
	}
	log.FromContext(ctx).Error(err, "Asking the cloud for the addresses of a node failed", "node", node.Name)
	return reconcile.Result{}, nil
}

func (c *Controller) initialize(ctx context.Context, node *corev1.Node, known *cloudprovider.InstanceMetadata) error {
	current := node.DeepCopy()
	all, err := addresses(node, known.NodeAddresses)
	if err != nil {
		return err
	}
	if len(known.NodeAddresses) > 0 && !slices.Equal(all, node.Status.Addresses) {
		current.Status.Addresses = all
		if err := c.Client.Status().Update(ctx, current); err != nil {
			return fmt.Errorf("writing addresses of node %s: %w", node.Name, err)
		}
	}
	if !uninitialized(node) {
		return nil
	}
	changed, _, err := patch.Object(ctx, c.Client, current, func(node *corev1.Node) { describe(node, known) })
	if err != nil {
		return err
	}
	c.Recorder.Event(changed, corev1.EventTypeNormal, "Synced", "Node synced successfully")
	return nil
}

// refresh wakes all Nodes once in a while: a cloud does not tell when it gives a machine another address.
func (c *Controller) refresh(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	ticker := c.Clock.NewTicker(c.Period)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C():
			}
			var nodes corev1.NodeList
			if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
				log.FromContext(ctx).Error(err, "Listing nodes failed")
				continue
			}
			for i := range nodes.Items {
				if node := &nodes.Items[i]; !uninitialized(node) { // those are asked about already
					queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(node)})
				}
			}
		}
	}()
	return nil
}

func uninitialized(node *corev1.Node) bool {
	return node.DeletionTimestamp == nil && slices.ContainsFunc(node.Spec.Taints, isUninitialized)
}

func isUninitialized(t corev1.Taint) bool { return t.Key == cloudapi.TaintExternalCloudProvider }

// addresses that the cloud names, and that the kubelet wants; the host name that the kubelet has given stays where the cloud gives none.
func addresses(node *corev1.Node, known []corev1.NodeAddress) ([]corev1.NodeAddress, error) {
	isName := func(a corev1.NodeAddress) bool { return a.Type == corev1.NodeHostName }
	all, err := wanted(node, known)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(node.Status.Addresses, isName); i >= 0 && !slices.ContainsFunc(all, isName) {
		all = append(all, node.Status.Addresses[i])
	}
	return all, nil
}

// wanted are the addresses of a node whose kubelet was told which are the node's (--node-ip): these first, and no others of their types.
// The cloud must know them.
func wanted(node *corev1.Node, known []corev1.NodeAddress) ([]corev1.NodeAddress, error) {
	value, told := node.Annotations[cloudapi.AnnotationAlphaProvidedIPAddr]
	if !told || len(known) == 0 {
		return slices.Clone(known), nil
	}
	var first []corev1.NodeAddress
	types := map[corev1.NodeAddressType]bool{}
	for text := range strings.SplitSeq(value, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("failed to parse node IP %q: %w", value, err)
		}
		found := false
		for _, a := range known {
			if of, err := netip.ParseAddr(a.Address); err == nil && of == ip {
				first, types[a.Type], found = append(first, a), true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("failed to get node address from cloud provider that matches ip: %s", ip)
		}
	}
	for _, a := range known {
		if !types[a.Type] {
			first = append(first, a)
		}
	}
	return first, nil
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

// Register puts the controller on mgr if the cloud knows machines. It wakes when a Node with the taint comes or changes, and all Nodes at times.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if deps.Cloud == nil {
		return nil
	}
	instances, ok := deps.Cloud.InstancesV2()
	if !ok {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "cloud-node-controller"), Instances: instances, Clock: deps.Clock, Period: deps.Clouds.NodeStatusPeriod}
	waits := predicate.NewPredicateFuncs(func(o client.Object) bool {
		node, ok := o.(*corev1.Node)
		return ok && uninitialized(node)
	})
	return kit.New(mgr, Name).WithOptions(kit.Options(deps.Clouds.NodeSyncs)).
		For(&corev1.Node{}, builder.WithPredicates(waits)).WatchesRawSource(source.Func(c.refresh)).Complete(reconcile.AsReconciler(c.Client, c))
}
