package attachdetach

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Field indexes of VolumeAttachments, and that of PersistentVolumes.
const nodeIndex, volumeIndex, diskIndex = "spec.nodeName", "spec.source", "spec.csi"

func byNode(o client.Object) []string {
	if va, ok := o.(*storagev1.VolumeAttachment); ok {
		return []string{va.Spec.NodeName}
	}
	return nil
}

func byVolume(o client.Object) []string {
	va, ok := o.(*storagev1.VolumeAttachment)
	switch {
	case !ok:
		return nil
	case va.Spec.Source.PersistentVolumeName != nil:
		return []string{*va.Spec.Source.PersistentVolumeName}
	case inlineAttached(va):
		return []string{string(inlineOf(va.Spec.Source.InlineVolumeSpec, "").unique())}
	}
	return nil
}

func byDisk(o client.Object) []string {
	if pv, ok := o.(*corev1.PersistentVolume); ok {
		if v, is := volumeOf(pv); is {
			return []string{string(v.unique())}
		}
	}
	return nil
}

// inlineAttached says whether an attachment brings a pod's own volume.
func inlineAttached(va *storagev1.VolumeAttachment) bool {
	spec := va.Spec.Source.InlineVolumeSpec
	return spec != nil && spec.CSI != nil
}

func wake(nodes ...string) []reconcile.Request {
	requests := make([]reconcile.Request, len(nodes))
	for i := range nodes {
		requests[i].Name = nodes[i]
	}
	return requests
}

// placed is a pod that is on a node, with volumes that may have to be attached.
func placed(o client.Object) bool {
	pod, ok := o.(*corev1.Pod)
	return ok && pod.Spec.NodeName != "" && (len(claims(pod)) > 0 || len(inlines(pod)) > 0)
}

func nodeOf(_ context.Context, o client.Object) []reconcile.Request {
	if pod, ok := o.(*corev1.Pod); ok {
		return wake(pod.Spec.NodeName)
	}
	return nil
}

// attachmentChanged wakes the node of an attachment, and when one goes, those who wait for its volume.
func (c *Controller) attachmentChanged(_ context.Context, o client.Object) []reconcile.Request {
	nodes := byNode(o)
	for _, node := range nodes {
		nodes = append(nodes, c.waitingFor(o.GetName(), node)...)
	}
	return wake(nodes...)
}

// usersOf are the nodes of the pods that use a claim which has got its volume.
func (c *Controller) usersOf(ctx context.Context, o client.Object) []reconcile.Request {
	pods := &corev1.PodList{}
	if err := c.Client.List(ctx, pods, client.InNamespace(o.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	nodes := map[string]bool{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if placed(pod) && slices.ContainsFunc(claims(pod), func(u used) bool { return u.claim == o.GetName() }) {
			nodes[pod.Spec.NodeName] = true
		}
	}
	return wake(slices.Collect(maps.Keys(nodes))...)
}

// bound lets claims through that have just got a volume of a storage driver.
func (c *Controller) bound(e event.UpdateEvent) bool {
	old, ok := e.ObjectOld.(*corev1.PersistentVolumeClaim)
	claim, same := e.ObjectNew.(*corev1.PersistentVolumeClaim)
	if !ok || !same || claim.Status.Phase != corev1.ClaimBound || old.Status.Phase == corev1.ClaimBound {
		return false
	}
	pv := &corev1.PersistentVolume{}
	err := c.Client.Get(context.Background(), client.ObjectKey{Name: claim.Spec.VolumeName}, pv)
	return err != nil || intree.Volume(pv) != nil
}

func nodeChanged(e event.UpdateEvent) bool {
	old, ok := e.ObjectOld.(*corev1.Node)
	node, same := e.ObjectNew.(*corev1.Node)
	return ok && same && (old.Annotations[managed] != node.Annotations[managed] || old.Annotations[keepTerminated] != node.Annotations[keepTerminated] ||
		outOfService(old) != outOfService(node) || healthy(old) != healthy(node) ||
		!slices.Equal(old.Status.VolumesInUse, node.Status.VolumesInUse) || !reflect.DeepEqual(old.Status.VolumesAttached, node.Status.VolumesAttached))
}

// options have one worker, and a node tried again of which a volume could not be attached or taken away as kube-controller-manager does that.
func options() controller.Options {
	o := kit.Options(1)
	o.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast)
	return o
}

// Register puts the controller on mgr. It wakes a node when one of its pods comes, ends or goes, when a claim of one is bound, when one of
// its attachments changes, when another node gives up a volume that it waits for, and when the node's kubelet gives up a volume.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	if err := podcontrol.IndexByNode(ctx, mgr); err != nil {
		return err
	}
	for field, values := range map[string]client.IndexerFunc{nodeIndex: byNode, volumeIndex: byVolume} {
		if err := kit.Index(ctx, mgr, &storagev1.VolumeAttachment{}, field, values); err != nil {
			return err
		}
	}
	if err := kit.Index(ctx, mgr, &corev1.PersistentVolume{}, diskIndex, byDisk); err != nil {
		return err
	}
	c := &Controller{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: deps.Clock, Recorder: kit.Recorder(mgr, "attachdetach-controller"),
		Forced: kit.Collect(deps.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "attach_detach_controller_attachdetach_controller_forced_detaches", Help: "Number of times the A/D Controller performed a forced detach",
		}, []string{"reason"})),
	}
	if err := kit.Show(mgr, deps.Metrics, totals{c}); err != nil {
		return err
	}
	pods := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return placed(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return placed(e.ObjectNew) && (!placed(e.ObjectOld) || terminated(e.ObjectOld.(*corev1.Pod)) != terminated(e.ObjectNew.(*corev1.Pod)))
		},
		DeleteFunc: func(e event.DeleteEvent) bool { return placed(e.Object) },
	}
	claimed := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: c.bound, DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	nodes := predicate.Funcs{UpdateFunc: nodeChanged}
	return kit.New(mgr, Name).WithOptions(options()).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(nodeOf), builder.WithPredicates(pods)).
		Watches(&corev1.Node{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(nodes)).
		Watches(&storagev1.VolumeAttachment{}, handler.EnqueueRequestsFromMapFunc(c.attachmentChanged)).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(c.usersOf), builder.WithPredicates(claimed)).
		Complete(c)
}
