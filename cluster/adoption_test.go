package cluster

import (
	"context"
	"errors"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A pod that appears without an owner wakes the replica set that selects it, which has one too many then.
func TestOrphansWakeWhoWantsThem(t *testing.T) {
	ctx := context.Background()
	o := alone(t.TempDir())
	o.Disable = []string{Agent, Scheduler}
	_, c := started(t, o)
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}, AutomountServiceAccountToken: ptr.To(false)}
	labels := map[string]string{"app": "web"}
	takesPods(t, c)
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: appsv1.ReplicaSetSpec{
		Replicas: ptr.To[int32](1), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}}
	if err := c.Create(ctx, set); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the set has no pod", func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(set), set); err != nil || set.Status.Replicas == 1 {
			return err
		}
		return errors.New("none counted")
	})
	orphan := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "orphan", Labels: labels}, Spec: spec}
	if err := c.Create(ctx, orphan); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphan stays one", func() error {
		err := c.Get(ctx, client.ObjectKeyFromObject(orphan), orphan)
		if apierrors.IsNotFound(err) || err == nil && metav1.IsControlledBy(orphan, set) {
			return nil
		}
		if err == nil {
			err = errors.New("it has no owner")
		}
		return err
	})
}
