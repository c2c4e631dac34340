package cloudnodelifecycle

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	cloudapi "k8s.io/cloud-provider/api"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "cloudnodelifecycle"

// Controller reconciles Nodes with the machines in the cloud.
type Controller struct {
	Client    client.Client
	Recorder  record.EventRecorder
	Instances cloudprovider.InstancesV2
	// Period is how soon the cloud is asked again about a Node that is not ready.
	Period time.Duration
}

// Reconcile deletes a Node without a machine, and marks one whose machine is shut down.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	if node.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	if ready(node) {
		return patch.Result(reconcile.Result{}, c.mark(ctx, node, false))
	}
	exists, err := c.Instances.InstanceExists(ctx, node.DeepCopy())
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("asking the cloud for node %s: %w", node.Name, err)
	}
	if !exists {
		c.Recorder.Eventf(node, corev1.EventTypeNormal, "DeletingNode", "Deleting node %s because it does not exist in the cloud provider", node.Name)
		err := c.Client.Delete(ctx, node, client.Preconditions{UID: &node.UID})
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	down, err := c.Instances.InstanceShutdown(ctx, node.DeepCopy())
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("asking the cloud for node %s: %w", node.Name, err)
	}
	if down {
		err = c.mark(ctx, node, true)
	}
	return patch.Result(kit.After(c.Period), err)
}

func ready(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func isShutdown(t corev1.Taint) bool { return t.Key == cloudapi.TaintNodeShutdown }

// mark sets or removes the taint of a machine that is shut down.
func (c *Controller) mark(ctx context.Context, node *corev1.Node, down bool) error {
	_, _, err := patch.Object(ctx, c.Client, node, func(node *corev1.Node) {
		switch has := slices.ContainsFunc(node.Spec.Taints, isShutdown); {
		case down && !has:
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: cloudapi.TaintNodeShutdown, Effect: corev1.TaintEffectNoSchedule})
		case !down && has:
			node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, isShutdown)
		}
	})
	return err
}

// Register puts the controller on mgr if the cloud knows machines. It wakes when a Node comes, or becomes ready or unready.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if deps.Cloud == nil {
		return nil
	}
	instances, ok := deps.Cloud.InstancesV2()
	if !ok {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "cloud-node-lifecycle-controller"), Instances: instances, Period: deps.Clouds.NodeMonitorPeriod}
	turns := predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*corev1.Node)
			after, also := e.ObjectNew.(*corev1.Node)
			return ok && also && ready(before) != ready(after)
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return kit.New(mgr, Name).For(&corev1.Node{}, builder.WithPredicates(turns)).Complete(reconcile.AsReconciler(c.Client, c))
}
