package podcontrol

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Disrupt says in the condition DisruptionTarget why a pod has to go, and deletes it. It fails with a conflict if the pod has
// changed, and with NotFound if it is gone.
func Disrupt(ctx context.Context, c client.Client, pod *corev1.Pod, why corev1.PodCondition, now time.Time) error {
	why.Type, why.Status = corev1.DisruptionTarget, corev1.ConditionTrue
	err := patch.StatusFields(ctx, c, pod, func(changed *corev1.Pod) {
		why.ObservedGeneration = changed.Generation
		SetCondition(&changed.Status, why, now)
	})
	if err != nil {
		return err
	}
	if err := c.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}); err != nil {
		return fmt.Errorf("evicting pod %s: %w", pod.Name, err)
	}
	return nil
}
