package horizontalpodautoscaler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// given are metrics that a test sets: thousandths by pod, one for all pods, or none.
type given struct {
	pods   map[string]int64
	all    int64
	now    func() time.Time
	failed error // instead of an answer
}

func (g *given) samples() (map[string]sample, error) {
	if g.failed != nil {
		return nil, g.failed
	}
	if g.pods == nil {
		return nil, errors.New("no metrics returned from resource metrics API")
	}
	all := map[string]sample{}
	for pod, value := range g.pods {
		all[pod] = sample{value: value, timestamp: g.now(), window: time.Minute}
	}
	return all, nil
}

func (g *given) Resource(context.Context, string, corev1.ResourceName, string, labels.Selector) (map[string]sample, error) {
	return g.samples()
}

func (g *given) Pods(context.Context, string, autoscalingv2.MetricIdentifier, labels.Selector) (map[string]sample, error) {
	return g.samples()
}

func (g *given) Object(context.Context, string, autoscalingv2.MetricIdentifier, autoscalingv2.CrossVersionObjectReference, string) (int64, error) {
	return g.all, g.failed
}

func (g *given) External(context.Context, string, autoscalingv2.MetricIdentifier) ([]int64, error) {
	return []int64{g.all}, g.failed
}

// fixture is a Deployment with that many ready pods that request 1 CPU each, and an autoscaler for it.
type fixture struct {
	*testing.T
	*Controller
	clock    *testclock.FakeClock
	metrics  *given
	recorder *record.FakeRecorder
}

func newFixture(t *testing.T, replicas int, metric autoscalingv2.MetricSpec, behavior *autoscalingv2.HorizontalPodAutoscalerBehavior) *fixture {
	f := &fixture{T: t, clock: testclock.NewFakeClock(time.Unix(100000, 0)), recorder: record.NewFakeRecorder(100)}
	f.metrics = &given{now: f.clock.Now, pods: map[string]int64{}}
	selector := map[string]string{"app": "web"}
	objects := []client.Object{
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Status: appsv1.DeploymentStatus{Replicas: int32(replicas)},
			Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: selector}},
		},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    ptr.To(int32(2)), MaxReplicas: 10, Metrics: []autoscalingv2.MetricSpec{metric}, Behavior: behavior,
		}},
	}
	for i := range replicas {
		objects = append(objects, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("p", i), Labels: selector},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("1"),
			}}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: time.Unix(1, 0)}, Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Unix(40, 0)},
			}},
		})
		f.metrics.pods[fmt.Sprint("p", i)] = 500
	}
	api := fake.NewClientBuilder().WithObjects(objects...).WithStatusSubresource(&autoscalingv2.HorizontalPodAutoscaler{}).
		WithInterceptorFuncs(interceptor.Funcs{SubResourceGet: getScale, SubResourceUpdate: updateScale}).Build()
	f.Controller = &Controller{Client: api, Recorder: f.recorder, Clock: f.clock, Metrics: f.metrics, Settings: kit.DefaultTuning().Autoscaling}
	return f
}

func getScale(ctx context.Context, c client.Client, _ string, obj, scale client.Object, _ ...client.SubResourceGetOption) error {
	var d appsv1.Deployment
	if err := c.Get(ctx, client.ObjectKeyFromObject(obj), &d); err != nil {
		return err
	}
	scale.(*unstructured.Unstructured).Object = map[string]any{
		"metadata": map[string]any{"namespace": d.Namespace, "name": d.Name}, "spec": map[string]any{"replicas": int64(*d.Spec.Replicas)},
		"status": map[string]any{"replicas": int64(d.Status.Replicas), "selector": metav1.FormatLabelSelector(d.Spec.Selector)},
	}
	return nil
}

func updateScale(ctx context.Context, c client.Client, name string, obj client.Object, options ...client.SubResourceUpdateOption) error {
	if name != "scale" {
		return c.Status().Update(ctx, obj, options...)
	}
	var d appsv1.Deployment
	if err := c.Get(ctx, client.ObjectKeyFromObject(obj), &d); err != nil {
		return err
	}
	var applied client.SubResourceUpdateOptions
	for _, o := range options {
		o.ApplyToSubResourceUpdate(&applied)
	}
	replicas, _, _ := unstructured.NestedInt64(applied.SubResourceBody.(*unstructured.Unstructured).Object, "spec", "replicas")
	d.Spec.Replicas = ptr.To(int32(replicas))
	return c.Update(ctx, &d)
}

// looks has the controller look once, and returns the target's replicas and the reasons of the conditions that are new.
func (f *fixture) looks() string {
	f.Helper()
	var hpa autoscalingv2.HorizontalPodAutoscaler
	key := client.ObjectKey{Namespace: "default", Name: "web"}
	if err := f.Client.Get(f.Context(), key, &hpa); err != nil {
		f.Fatal(err)
	}
	if _, err := f.Reconcile(f.Context(), &hpa); err != nil {
		f.Fatal(err)
	}
	var d appsv1.Deployment
	if err := errors.Join(f.Client.Get(f.Context(), key, &d), f.Client.Get(f.Context(), key, &hpa)); err != nil {
		f.Fatal(err)
	}
	var reasons []string
	for _, c := range hpa.Status.Conditions {
		reasons = append(reasons, c.Reason)
	}
	return fmt.Sprintf("%d: %s", *d.Spec.Replicas, strings.Join(reasons, " "))
}

func (f *fixture) expect(when, want string) {
	f.Helper()
	if got := f.looks(); got != want {
		f.Errorf("%s: %s\nwant %s", when, got, want)
	}
}

func (f *fixture) use(value int64) {
	for pod := range f.metrics.pods {
		f.metrics.pods[pod] = value
	}
}

func cpu(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
	}}
}

func TestScalesByUtilization(t *testing.T) {
	f := newFixture(t, 3, cpu(50), nil)
	f.expect("as it should be", "3: ReadyForNewScale ValidMetricFound DesiredWithinRange")
	f.use(545)
	f.expect("within the tolerance", "3: ReadyForNewScale ValidMetricFound DesiredWithinRange")
	f.use(750)
	f.expect("busy", "5: SucceededRescale ValidMetricFound DesiredWithinRange")
	if event := <-f.recorder.Events; event != "Normal SuccessfulRescale New size: 5; reason: cpu resource utilization (percentage of request) above target" {
		t.Error(event)
	}
	f.use(100)
	f.clock.Step(time.Minute)
	f.expect("idle, but not for long", "5: ScaleDownStabilized ValidMetricFound DesiredWithinRange")
	f.clock.Step(6 * time.Minute)
	f.expect("idle", "2: SucceededRescale ValidMetricFound TooFewReplicas")
}

func TestLimits(t *testing.T) {
	f := newFixture(t, 3, cpu(50), nil)
	f.use(5000)
	f.expect("not faster than twice", "6: SucceededRescale ValidMetricFound ScaleUpLimit")
	f.expect("not more than the most", "10: SucceededRescale ValidMetricFound TooManyReplicas")
	f.metrics.pods = nil
	f.expect("no metrics", "10: SucceededGetScale FailedGetResourceMetric TooManyReplicas")
}

func TestBehavior(t *testing.T) {
	f := newFixture(t, 8, cpu(50), &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To(int32(0)), Policies: []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 2, PeriodSeconds: 60}}},
		ScaleUp:   &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To(int32(60)), SelectPolicy: ptr.To(autoscalingv2.DisabledPolicySelect)},
	})
	f.use(10)
	f.expect("two in a minute", "6: SucceededRescale ValidMetricFound ScaleDownLimit")
	f.clock.Step(15 * time.Second)
	f.expect("and no more", "6: ReadyForNewScale ValidMetricFound ScaleDownLimit")
	f.clock.Step(time.Minute)
	f.expect("the next minute", "4: SucceededRescale ValidMetricFound ScaleDownLimit")
	f.clock.Step(2 * time.Minute)
	f.use(5000)
	f.expect("never up", "4: ReadyForNewScale ValidMetricFound ScaleUpLimit")
}

func TestOtherMetrics(t *testing.T) {
	amount := func(n int64) *resource.Quantity { return resource.NewQuantity(n, resource.DecimalSI) }
	queue := autoscalingv2.MetricIdentifier{Name: "queue"}
	for _, c := range []struct {
		why  string
		spec autoscalingv2.MetricSpec
		want string
	}{
		{"each pod uses 500 of 250", autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
			Metric: queue, Target: autoscalingv2.MetricTarget{AverageValue: resource.NewMilliQuantity(250, resource.DecimalSI)}}}, "6: SucceededRescale ValidMetricFound DesiredWithinRange"},
		{"30 of 20 for all", autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
			Metric: queue, Target: autoscalingv2.MetricTarget{Value: amount(20)}}}, "5: SucceededRescale ValidMetricFound DesiredWithinRange"},
		{"30 at 5 for each", autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
			Metric: queue, Target: autoscalingv2.MetricTarget{AverageValue: amount(5)}}}, "6: SucceededRescale ValidMetricFound DesiredWithinRange"},
	} {
		f := newFixture(t, 3, c.spec, nil)
		f.metrics.all = 30000
		f.expect(c.why, c.want)
	}
}

// Pods that say nothing speak against scaling.
func TestUnknownPods(t *testing.T) {
	samples := map[string]sample{"a": {value: 900}, "b": {value: 900}}
	wants := map[string]int64{"a": 1000, "b": 1000, "c": 1000, "d": 1000}
	for _, c := range []struct {
		why    string
		u      usage
		target int32
		want   int32
	}{
		{"all are known", usage{samples: samples, ready: 2}, 45, 4},
		{"one missing counts nothing upwards", usage{samples: samples, ready: 2, missing: []string{"c"}}, 45, 4},
		{"two missing hold it", usage{samples: samples, ready: 2, missing: []string{"c", "d"}}, 45, 3},
		{"an unready one counts nothing upwards", usage{samples: samples, ready: 2, unready: []string{"c"}}, 60, 3},
		{"a missing one counts in full downwards", usage{samples: samples, ready: 2, missing: []string{"c"}}, 100, 3},
	} {
		got, _, _, err := c.u.shares(3, c.target, wants, tolerance{0.1, 0.1})
		if err != nil || got != c.want {
			t.Errorf("%s: %d (%v), want %d", c.why, got, err, c.want)
		}
	}
}

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		hpa := &autoscalingv2.HorizontalPodAutoscaler{}
		fill.Fill(hpa)
		r := &round{Controller: &Controller{Recorder: record.NewFakeRecorder(1000), Settings: kit.DefaultTuning().Autoscaling}, hpa: hpa, now: fuzzing.Now(), history: &history{}, target: &target{}}
		r.limit(3, 5)
		r.limit(3, 1)
		pods := fuzzing.List[corev1.Pod](fill, 3)
		_ = r.sort(pods, nil, corev1.ResourceCPU)
		_, _ = requests(pods, corev1.ResourceCPU, "")
		if diff := cmp.Diff(r.least() > 0 || hpa.Spec.MinReplicas != nil, true); diff != "" {
			t.Error(diff)
		}
	})
}
