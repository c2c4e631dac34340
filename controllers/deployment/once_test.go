package deployment

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// A deployment that goes back to an earlier template writes the replica set's revision and its size as one.
func TestRollbackWritesTheReplicaSetOnce(t *testing.T) {
	d := deployment(2, "1", "1")
	d.Namespace, d.Name = "default", "web"
	current, other := set("first", 0, 0), set("second", 2, 2)
	for name, rs := range map[string]*appsv1.ReplicaSet{"1": current, "2": other} {
		rs.Namespace, rs.Annotations = d.Namespace, map[string]string{revisionAnnotation: name}
	}
	writes := 0
	api := fake.NewClientBuilder().WithObjects(current, other).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, api client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if obj.GetName() == current.Name {
				writes++
			}
			return api.Patch(ctx, obj, patch, opts...)
		},
		Update: func(ctx context.Context, api client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if obj.GetName() == current.Name {
				writes++
			}
			return api.Update(ctx, obj, opts...)
		},
	}).Build()
	c := &Controller{Client: api, Recorder: record.NewFakeRecorder(10), Clock: clocktesting.NewFakePassiveClock(fuzzing.Now())}
	got := &appsv1.ReplicaSet{}
	for _, rs := range []*appsv1.ReplicaSet{current, other} { // as they are stored
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(rs), rs); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.step(t.Context(), d, &sets{current: current, old: []*appsv1.ReplicaSet{other}}, &appsv1.DeploymentStatus{}); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(current), got); err != nil {
		t.Fatal(err)
	}
	if setReplicas(got) != 1 || got.Annotations[revisionAnnotation] != "3" || writes != 1 {
		t.Errorf("%d replicas of revision %q after %d writes", setReplicas(got), got.Annotations[revisionAnnotation], writes)
	}
}

// The cache shows the end of a replica set before that of its deployment: none is made again.
func TestMakesNothingForADeploymentThatIsGone(t *testing.T) {
	d := deployment(2, "1", "1")
	d.Namespace, d.Name, d.UID, d.Generation, d.Status.ObservedGeneration = "default", "web", "web", 1, 1
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	successor := d.DeepCopy()
	successor.UID = "another"
	for why, live := range map[string][]client.Object{"gone": nil, "replaced": {successor}, "there": {d}} {
		cached := fake.NewClientBuilder().WithObjects(d.DeepCopy()).WithStatusSubresource(d).
			WithIndex(&appsv1.ReplicaSet{}, kit.OwnerIndex, podcontrol.ByOwner).Build()
		c := &Controller{
			Client: cached, Claimer: podcontrol.Claimer{Client: cached, Live: fake.NewClientBuilder().WithObjects(live...).Build()},
			Recorder: record.NewFakeRecorder(10), Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()),
		}
		stored := &appsv1.Deployment{}
		if err := cached.Get(t.Context(), client.ObjectKeyFromObject(d), stored); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reconcile(t.Context(), stored); err != nil {
			t.Errorf("%s: %v", why, err)
		}
		made := &appsv1.ReplicaSetList{}
		if err := cached.List(t.Context(), made); err != nil || (len(made.Items) > 0) != (why == "there") {
			t.Errorf("%s: made %d sets: %v", why, len(made.Items), err)
		}
	}
}
