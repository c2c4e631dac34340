package replicationcontroller

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/replication"
)

// Name is the controller's name in the list of all.
const Name = "replicationcontroller"

var kind = corev1.SchemeGroupVersion.WithKind("ReplicationController")

// Controller reconciles replication controllers.
type Controller struct {
	Client client.Client
	Keeper *replication.Keeper
}

// Reconcile brings the pods of rc to their number and reports on them.
func (c *Controller) Reconcile(ctx context.Context, rc *corev1.ReplicationController) (reconcile.Result, error) {
	if len(rc.Spec.Selector) == 0 || rc.Spec.Template == nil {
		return reconcile.Result{}, nil
	}
	status, wait, keepErr := c.Keeper.Keep(ctx, common(rc))
	_, err := patch.Status(ctx, c.Client, rc, func(changed *corev1.ReplicationController) {
		changed.Status = fromCommon(status)
	})
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	return patch.Result(kit.After(wait), keepErr)
}

func common(rc *corev1.ReplicationController) replication.Set {
	return replication.Set{
		Owner:           podcontrol.Owner{Object: rc, GVK: kind, Selector: labels.SelectorFromSet(rc.Spec.Selector)},
		Replicas:        ptr.Deref(rc.Spec.Replicas, 1),
		Template:        rc.Spec.Template,
		MinReadySeconds: rc.Spec.MinReadySeconds,
		Status:          toCommon(rc.Status),
	}
}

func toCommon(status corev1.ReplicationControllerStatus) appsv1.ReplicaSetStatus {
	out := appsv1.ReplicaSetStatus{Replicas: status.Replicas}
	for _, condition := range status.Conditions {
		out.Conditions = append(out.Conditions, appsv1.ReplicaSetCondition{
			Type: appsv1.ReplicaSetConditionType(condition.Type), Status: condition.Status,
			LastTransitionTime: condition.LastTransitionTime, Reason: condition.Reason, Message: condition.Message,
		})
	}
	return out
}

func fromCommon(status appsv1.ReplicaSetStatus) corev1.ReplicationControllerStatus {
	out := corev1.ReplicationControllerStatus{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		ObservedGeneration:   status.ObservedGeneration,
	}
	for _, condition := range status.Conditions {
		out.Conditions = append(out.Conditions, corev1.ReplicationControllerCondition{
			Type: corev1.ReplicationControllerConditionType(condition.Type), Status: condition.Status,
			LastTransitionTime: condition.LastTransitionTime, Reason: condition.Reason, Message: condition.Message,
		})
	}
	return out
}

// Register puts the controller on mgr. It wakes when a replication controller or one of
// its pods changes, or a pod without owner appears that one may adopt.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	wanting := podcontrol.Wanting(mgr.GetCache(), &corev1.ReplicationController{}, func(owner *corev1.ReplicationController) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: owner.Spec.Selector}
	})
	if err := podcontrol.IndexByOwner(ctx, mgr, &corev1.Pod{}); err != nil {
		return err
	}
	c := &Controller{Client: mgr.GetClient(), Keeper: replication.NewKeeper(mgr, deps.Clock, "replication-controller")}
	pending := c.Keeper.Pods.Pending
	pods := podcontrol.Handler{Owner: kind.GroupKind(), Pending: pending, Orphan: wanting}
	return kit.New(mgr, Name).
		For(&corev1.ReplicationController{}, builder.WithPredicates(pending.ForgetDeleted())).
		Watches(&corev1.Pod{}, pods.EventHandler()).
		Complete(reconcile.AsReconciler(c.Client, c))
}
