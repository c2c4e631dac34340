package persistentvolume

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/ephemeral"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// await says what a claim waits for that is bound where its first pod runs: for such a pod, or for the node of those that there are.
func (c *Claims) await(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	var pods corev1.PodList
	if err := c.client.List(ctx, &pods, client.InNamespace(claim.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the pods of a claim: %w", err)
	}
	var names []string
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Spec.NodeName == "" && slices.Contains(claimsOf(pod), claim.Name) {
			names = append(names, pod.Name)
		}
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		c.recorder.Event(claim, corev1.EventTypeNormal, "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
	case 1:
		c.recorder.Eventf(claim, corev1.EventTypeNormal, "WaitForPodScheduled", "waiting for pod %s to be scheduled", names[0])
	default:
		c.recorder.Eventf(claim, corev1.EventTypeNormal, "WaitForPodScheduled", "waiting for pods %s to be scheduled", strings.Join(names, ","))
	}
	return nil
}

// claimsOf are the claims of a pod's volumes, by name.
func claimsOf(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, ephemeral.VolumeClaimName(pod, v))
		}
	}
	return names
}

// stuck lets pods with claims through for which no node has been found. Those that get one at once are nothing to tell of.
func stuck() predicate.Predicate {
	refused := func(obj client.Object) bool {
		pod, ok := obj.(*corev1.Pod)
		return ok && pod.Spec.NodeName == "" && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable
		}) && len(claimsOf(pod)) > 0
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return refused(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return refused(e.ObjectNew) && !refused(e.ObjectOld) },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// claimsOfPod are those of a pod that are not bound yet.
func (b *binder) claimsOfPod(ctx context.Context, obj client.Object) []reconcile.Request {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	for _, name := range claimsOf(pod) {
		key := client.ObjectKey{Namespace: pod.Namespace, Name: name}
		var claim corev1.PersistentVolumeClaim
		if err := b.client.Get(ctx, key, &claim); err == nil && !isBound(&claim) && claim.DeletionTimestamp == nil {
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
	}
	return requests
}
