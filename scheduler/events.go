package scheduler

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/interpodaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// watch feeds pods and nodes to the state and the queue. It returns when everything that exists has been seen.
func (s *Scheduler) watch(ctx context.Context) (unregister func(), err error) {
	var undo []func()
	unregister = func() {
		for _, f := range undo {
			f()
		}
	}
	watches := append([]watched{
		{&corev1.Node{}, toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { s.nodeAdded(o.(*corev1.Node)) },
			UpdateFunc: func(old, o any) { s.nodeUpdated(old.(*corev1.Node), o.(*corev1.Node)) },
			DeleteFunc: func(o any) { s.nodeDeleted(last[*corev1.Node](o)) },
		}},
		{&corev1.Pod{}, toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { s.podChanged(ctx, nil, o.(*corev1.Pod)) },
			UpdateFunc: func(old, o any) { s.podChanged(ctx, old.(*corev1.Pod), o.(*corev1.Pod)) },
			DeleteFunc: func(o any) { s.podGone(last[*corev1.Pod](o)) },
		}},
	}, s.others()...)
	var synced []toolscache.DoneChecker
	for _, w := range watches {
		// All are asked for before any is waited for.
		informer, err := s.Cache.GetInformer(ctx, w.object, cache.BlockUntilSynced(false))
		if err != nil {
			return unregister, fmt.Errorf("getting the informer of %T: %w", w.object, err)
		}
		registration, err := informer.AddEventHandler(w.handler)
		if err != nil {
			return unregister, err
		}
		undo = append(undo, func() { _ = informer.RemoveEventHandler(registration) })
		synced = append(synced, registration.HasSyncedChecker())
	}
	toolscache.WaitFor(ctx, "", synced...)
	return unregister, nil
}

type watched struct {
	object  client.Object
	handler toolscache.ResourceEventHandler
}

// others are the kinds besides nodes and pods that a plugin has said may help.
func (s *Scheduler) others() []watched {
	kinds := map[fwk.EventResource]client.Object{
		fwk.PersistentVolume: &corev1.PersistentVolume{}, fwk.PersistentVolumeClaim: &corev1.PersistentVolumeClaim{},
		fwk.StorageClass: &storagev1.StorageClass{}, fwk.CSINode: &storagev1.CSINode{}, fwk.CSIDriver: &storagev1.CSIDriver{},
		fwk.CSIStorageCapacity: &storagev1.CSIStorageCapacity{}, fwk.VolumeAttachment: &storagev1.VolumeAttachment{},
		interpodaffinity.Namespace: &corev1.Namespace{}, fwk.ResourceClaim: &resourcev1.ResourceClaim{}, fwk.ResourceSlice: &resourcev1.ResourceSlice{},
		fwk.DeviceClass: &resourcev1.DeviceClass{},
	}
	var all []watched
	for _, hints := range s.hints {
		for _, hint := range hints {
			resource := hint.Event.Resource
			object := kinds[resource]
			if object == nil {
				continue
			}
			delete(kinds, resource)
			all = append(all, watched{object, toolscache.ResourceEventHandlerFuncs{
				AddFunc:    func(o any) { s.happens(resource, fwk.Add, nil, o) },
				UpdateFunc: func(old, o any) { s.happens(resource, fwk.Update, old, o) },
				DeleteFunc: func(o any) { s.happens(resource, fwk.Delete, last[client.Object](o), nil) },
			}})
		}
	}
	return all
}

// happens tells the pods that wait of an event of anything but pods, and counts it.
func (s *Scheduler) happens(resource fwk.EventResource, action fwk.ActionType, old, now any) {
	event, began := fwk.ClusterEvent{Resource: resource, ActionType: action}, s.Clock.Now()
	s.queue.Move(event, old, now)
	took := s.Clock.Since(began)
	if resource != fwk.Node {
		s.Metrics.Handled(event.Label(), took)
		return
	}
	for rest := action; rest != 0; rest &= rest - 1 { // a node may change in several ways at once
		event.ActionType = rest & -rest
		s.Metrics.Handled(event.Label(), took)
	}
}

// last returns the object of a deletion, also of one that the informer learned of late.
func last[T client.Object](o any) T {
	if late, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = late.Obj
	}
	return o.(T)
}

func (s *Scheduler) nodeAdded(node *corev1.Node) {
	s.state.SetNode(node)
	s.happens(fwk.Node, fwk.Add, nil, node)
}

func (s *Scheduler) nodeUpdated(old, node *corev1.Node) {
	s.state.SetNode(node)
	if action := nodeChanges(old, node); action != fwk.None {
		s.happens(fwk.Node, action, old, node)
	}
}

func (s *Scheduler) nodeDeleted(node *corev1.Node) {
	s.state.RemoveNode(node.Name)
	s.happens(fwk.Node, fwk.Delete, node, nil)
}

// nodeChanges says which changes of a node may matter to a pod that waits.
func nodeChanges(old, node *corev1.Node) fwk.ActionType {
	action := fwk.None
	if !equality.Semantic.DeepEqual(old.Status.Allocatable, node.Status.Allocatable) {
		action |= fwk.UpdateNodeAllocatable
	}
	if !maps.Equal(old.Labels, node.Labels) {
		action |= fwk.UpdateNodeLabel
	}
	if old.Spec.Unschedulable != node.Spec.Unschedulable || !equality.Semantic.DeepEqual(old.Spec.Taints, node.Spec.Taints) {
		action |= fwk.UpdateNodeTaint
	}
	if !maps.Equal(old.Annotations, node.Annotations) {
		action |= fwk.UpdateNodeAnnotation
	}
	if !slices.Equal(old.Status.DeclaredFeatures, node.Status.DeclaredFeatures) {
		action |= fwk.UpdateNodeDeclaredFeature
	}
	return action
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// podChanged sorts a pod into the state (it has a node and uses it) or into the queue (it has none and is ours).
func (s *Scheduler) podChanged(ctx context.Context, old, pod *corev1.Pod) {
	what := "Update"
	if old == nil || old.Spec.NodeName == "" && pod.Spec.NodeName != "" {
		what = "Add"
	}
	defer s.handled(what, pod, s.Clock.Now())
	switch {
	case finished(pod):
		s.podDeleted(pod)
	case pod.Spec.NodeName != "":
		if old != nil && old.Spec.NodeName != "" && !needsUpdate(old, pod) {
			if !old.Status.StartTime.Equal(pod.Status.StartTime) { // of all victims those go first that started last
				s.state.SetPod(pod)
			}
			return
		}
		s.state.SetPod(pod)
		s.queue.Remove(pod.UID)
		s.nominated.DeleteNominatedPodIfExists(pod)
		if action := podChanges(old, pod); action != fwk.None {
			s.queue.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: action}, old, pod)
		}
	case s.profiles[pod.Spec.SchedulerName] != nil && pod.DeletionTimestamp == nil:
		kept := s.nominated.Node(pod.UID)
		announced := s.state.Placed(pod.UID) // it counts on that node already
		if !announced && (pod.Status.NominatedNodeName != "" || old != nil && old.Status.NominatedNodeName != "") {
			s.nominated.UpdateNominatedPod(klog.FromContext(ctx), old, state.NewPodInfo(pod))
		}
		s.queue.Add(ctx, pod)
		s.left(pod, kept)
	default:
		s.queue.Remove(pod.UID)
		s.cancel(pod.UID)
		s.denominate(pod)
	}
}

// needsUpdate says whether a placed pod has changed in what the scheduler reads of it.
func needsUpdate(old, pod *corev1.Pod) bool {
	return old.Generation != pod.Generation || !maps.Equal(old.Labels, pod.Labels) || resized(old, pod) ||
		(old.DeletionTimestamp == nil) != (pod.DeletionTimestamp == nil)
}

// resized says whether the pod counts for more or less than before: while a container is resized in place, its status
// has a say in that.
func resized(old, pod *corev1.Pod) bool {
	return !equality.Semantic.DeepEqual(state.NewPodInfo(old).Requests(), state.NewPodInfo(pod).Requests())
}

func podChanges(old, pod *corev1.Pod) fwk.ActionType {
	if old == nil || old.Spec.NodeName == "" {
		return fwk.Add
	}
	action := fwk.None
	if !maps.Equal(old.Labels, pod.Labels) {
		action |= fwk.UpdatePodLabel
	}
	if state.NewPodInfo(pod).Requests().LessThan(state.NewPodInfo(old).Requests()) {
		action |= fwk.UpdatePodScaleDown
	}
	return action
}

// podGone is podDeleted for one that the API has no more.
func (s *Scheduler) podGone(pod *corev1.Pod) {
	defer s.handled("Delete", pod, s.Clock.Now())
	s.podDeleted(pod)
}

func (s *Scheduler) podDeleted(pod *corev1.Pod) {
	placed := s.state.Placed(pod.UID)
	s.state.RemovePod(pod.UID)
	s.queue.Remove(pod.UID)
	if w := s.waiting.get(pod.UID); w != nil {
		w.Reject("", "the pod was deleted")
	}
	s.cancel(pod.UID)
	s.denominate(pod)
	if placed {
		s.queue.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod, nil)
	}
}

// denominate gives up the room that is kept for a pod.
func (s *Scheduler) denominate(pod *corev1.Pod) {
	if s.nominated.Node(pod.UID) == "" {
		return
	}
	s.nominated.DeleteNominatedPodIfExists(pod)
	s.queue.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod, nil)
}
