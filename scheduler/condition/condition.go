package condition

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Change of a pod's status.
type Change struct {
	Condition corev1.PodCondition // none, without a type
	// Nominated is the node that the pod is nominated for, "" for none any more; nil leaves that as it is.
	Nominated *string
}

// Write a change of a pod to the API, if it is one.
func (c Change) Write(ctx context.Context, api client.Client, pod *corev1.Pod) error {
	data, err := c.patch(&pod.Status)
	if err != nil || data == nil {
		return err
	}
	answer := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	return api.Status().Patch(ctx, answer, client.RawPatch(types.StrategicMergePatchType, data))
}

// patch is nil if the status is like that already.
func (c Change) patch(status *corev1.PodStatus) ([]byte, error) {
	change := map[string]any{}
	if condition, changed := since(status, c.Condition); changed && condition.Type != "" {
		change["conditions"], change["$setElementOrder/conditions"] = []corev1.PodCondition{condition}, order(status.Conditions, condition)
	}
	if c.Nominated != nil && *c.Nominated != status.NominatedNodeName {
		change["nominatedNodeName"] = *c.Nominated
		if *c.Nominated == "" {
			change["nominatedNodeName"] = nil
		}
	}
	if len(change) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(map[string]any{"status": change})
	if err != nil {
		return nil, fmt.Errorf("encoding a patch: %w", err)
	}
	return data, nil
}

// order of conditions: a new one is the last.
func order(had []corev1.PodCondition, now corev1.PodCondition) (order []map[string]string) {
	known := false
	for _, c := range had {
		order, known = append(order, map[string]string{"type": string(c.Type)}), known || c.Type == now.Type
	}
	if !known {
		order = append(order, map[string]string{"type": string(now.Type)})
	}
	return order
}

// since when the condition is as it is now; false if it says nothing new.
func since(status *corev1.PodStatus, now corev1.PodCondition) (corev1.PodCondition, bool) {
	at := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == now.Type })
	if at < 0 {
		return now, true
	}
	old := status.Conditions[at]
	if old.Status == now.Status {
		now.LastTransitionTime = old.LastTransitionTime
	}
	return now, old.Status != now.Status || old.Reason != now.Reason || old.Message != now.Message
}
