package horizontalpodautoscaler

import (
	"context"
	"fmt"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// target is the scale of what is scaled.
type target struct {
	autoscalingv1.Scale
	owner *unstructured.Unstructured
}

func (r *round) readTarget(ctx context.Context) (*target, error) {
	ref := r.hpa.Spec.ScaleTargetRef
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("invalid API version in scale target reference: %w", err)
	}
	t := &target{owner: &unstructured.Unstructured{}}
	t.owner.SetGroupVersionKind(gv.WithKind(ref.Kind))
	t.owner.SetNamespace(r.hpa.Namespace)
	t.owner.SetName(ref.Name)
	scale := &unstructured.Unstructured{}
	scale.SetGroupVersionKind(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	if err := r.Client.SubResource("scale").Get(ctx, t.owner, scale); err != nil {
		return nil, ofGroup(err, gv.WithKind(ref.Kind).GroupKind())
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(scale.Object, &t.Scale); err != nil {
		return nil, fmt.Errorf("reading the scale: %w", err)
	}
	return t, nil
}

func (t *target) write(ctx context.Context, c client.Client, replicas int32) error {
	scale := t.DeepCopy()
	scale.Spec.Replicas = replicas
	scale.SetGroupVersionKind(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	body, err := runtime.DefaultUnstructuredConverter.ToUnstructured(scale)
	if err != nil {
		return fmt.Errorf("writing the scale: %w", err)
	}
	return c.SubResource("scale").Update(ctx, t.owner, client.WithSubResourceBody(&unstructured.Unstructured{Object: body}))
}

// pods of the target.
func (r *round) pods(ctx context.Context, selector labels.Selector) ([]*corev1.Pod, error) {
	var list corev1.PodList
	err := r.Client.List(ctx, &list, client.InNamespace(r.hpa.Namespace), client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("unable to get pods while calculating replica count: %w", err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

// set sets a condition. Its time changes with its status only.
func (r *round) set(kind autoscalingv2.HorizontalPodAutoscalerConditionType, status corev1.ConditionStatus, reason, format string, args ...any) {
	condition := autoscalingv2.HorizontalPodAutoscalerCondition{
		Type: kind, Status: status, Reason: reason, Message: fmt.Sprintf(format, args...), LastTransitionTime: metav1Time(r.now),
	}
	all := r.hpa.Status.Conditions
	for i := range all {
		if all[i].Type == kind {
			if all[i].Status == status {
				condition.LastTransitionTime = all[i].LastTransitionTime
			}
			all[i] = condition
			return
		}
	}
	r.hpa.Status.Conditions = append(all, condition)
}

func metav1Time(t time.Time) metav1.Time { return metav1.NewTime(t) }
