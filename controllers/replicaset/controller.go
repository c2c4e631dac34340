package replicaset

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/replication"
)

// Name is the controller's name in the list of all.
const Name = "replicaset"

var kind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")

// Controller reconciles replica sets.
type Controller struct {
	Client client.Client
	Keeper *replication.Keeper
}

// Reconcile brings the pods of set to their number and reports on them.
func (c *Controller) Reconcile(ctx context.Context, set *appsv1.ReplicaSet) (reconcile.Result, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() {
		log.FromContext(ctx).V(1).Info("replica set has no usable selector")
		return reconcile.Result{}, nil
	}
	status, wait, keepErr := c.Keeper.Keep(ctx, common(set, selector))
	_, err = patch.Status(ctx, c.Client, set, func(changed *appsv1.ReplicaSet) {
		changed.Status = status
	})
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	return patch.Result(kit.After(wait), keepErr)
}

func common(set *appsv1.ReplicaSet, selector labels.Selector) replication.Set {
	return replication.Set{
		Owner:           podcontrol.Owner{Object: set, GVK: kind, Selector: selector},
		Replicas:        ptr.Deref(set.Spec.Replicas, 1),
		Template:        &set.Spec.Template,
		MinReadySeconds: set.Spec.MinReadySeconds,
		Status:          set.Status,
	}
}

// related lists the pods of all sets that have the same controller as this one.
func (c *Controller) related(ctx context.Context, set replication.Set) ([]*corev1.Pod, error) {
	uids := []string{string(set.Object.GetUID())}
	if ref := metav1.GetControllerOfNoCopy(set.Object); ref != nil {
		var siblings appsv1.ReplicaSetList
		err := c.Client.List(ctx, &siblings, client.InNamespace(set.Object.GetNamespace()),
			client.MatchingFields{kit.OwnerIndex: string(ref.UID)}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, err
		}
		uids = uids[:0]
		for i := range siblings.Items {
			uids = append(uids, string(siblings.Items[i].UID))
		}
	}
	var pods []*corev1.Pod
	for _, uid := range uids {
		owned, err := podcontrol.ListPods(ctx, c.Client, set.Object.GetNamespace(), uid)
		if err != nil {
			return nil, err
		}
		pods = append(pods, owned...)
	}
	return pods, nil
}

// Register puts the controller on mgr. It wakes when a replica set or one of its pods
// changes, or a pod without owner appears that a set may adopt.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	wanting := podcontrol.Wanting(mgr.GetCache(), &appsv1.ReplicaSet{}, func(owner *appsv1.ReplicaSet) *metav1.LabelSelector {
		return owner.Spec.Selector
	})
	for _, obj := range []client.Object{&corev1.Pod{}, &appsv1.ReplicaSet{}} {
		if err := podcontrol.IndexByOwner(ctx, mgr, obj); err != nil {
			return err
		}
	}
	c := &Controller{Client: mgr.GetClient(), Keeper: replication.NewKeeper(mgr, deps.Clock, "replicaset-controller")}
	c.Keeper.Related, c.Keeper.Ratio = c.related, newRatio(deps.Metrics)
	pods := podcontrol.Handler{Owner: kind.GroupKind(), Pending: c.Keeper.Pods.Pending, Orphan: wanting}
	return kit.New(mgr, Name).
		For(&appsv1.ReplicaSet{}, builder.WithPredicates(c.Keeper.Pods.Pending.ForgetDeleted())).
		Watches(&corev1.Pod{}, pods.EventHandler()).
		Skipped(kit.StaleSkips(deps.Metrics, "replicaset_controller_", "ReplicaSet")).
		Complete(reconcile.AsReconciler(c.Client, c))
}
