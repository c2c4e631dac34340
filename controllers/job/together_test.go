package job

import (
	"context"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Two pods end together, one of them in failure, which is the end of the job. A third was made between, and deleted at once.
func TestNoPodIsMadeWhileAnotherOneFails(t *testing.T) {
	for _, fails := range []bool{true, false} {
		job := newJob(2, 3, 0)
		job.Namespace, job.UID = "default", "u"
		job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		job.Spec.Template.Labels = job.Spec.Selector.MatchLabels
		running := pods(corev1.PodRunning, 2, batchv1.JobTrackingFinalizer)
		for _, pod := range running {
			pod.Namespace, pod.Labels = "default", job.Spec.Selector.MatchLabels
			pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, kind)}
		}
		running[0].Status.Phase = corev1.PodSucceeded
		recorded := func(ctx context.Context, c client.Client, part string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			if fails {
				running[1].Status.Phase, running[1].ResourceVersion = corev1.PodFailed, ""
				if err := c.Status().Update(ctx, running[1].DeepCopy()); err != nil {
					return fmt.Errorf("ending the other one: %w", err)
				}
			}
			return c.SubResource(part).Update(ctx, obj, opts...)
		}
		api := fake.NewClientBuilder().WithObjects(job, running[0], running[1]).WithStatusSubresource(job, &corev1.Pod{}).
			WithIndex(&corev1.Pod{}, kit.OwnerIndex, podcontrol.ByOwner).WithInterceptorFuncs(interceptor.Funcs{SubResourceUpdate: recorded}).Build()
		c := &Controller{
			Client: api, Claimer: podcontrol.Claimer{Client: api, Live: api}, Clock: testclock.NewFakePassiveClock(now),
			Pods: podcontrol.Pods{Client: api, Recorder: record.NewFakeRecorder(10), Pending: podcontrol.NewPending()},
		}
		stored := &batchv1.Job{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(job), stored); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reconcile(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
		all := &corev1.PodList{}
		if err := api.List(t.Context(), all); err != nil || (len(all.Items) > 2) == fails {
			t.Errorf("fails %t: there are %d pods: %v", fails, len(all.Items), err)
		}
	}
}
