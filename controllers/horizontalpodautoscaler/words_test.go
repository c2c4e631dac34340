package horizontalpodautoscaler

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The words are those of kube-controller-manager v1.36.3.
func TestWhatIsToldOfAMetricThatCannotBeRead(t *testing.T) {
	each := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("1"))}
	all := autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: ptr.To(resource.MustParse("1"))}
	hits := autoscalingv2.MetricIdentifier{Name: "hits"}
	object := func(target autoscalingv2.MetricTarget, kind string) autoscalingv2.MetricSpec {
		of := autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: kind, Name: "front"}
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{DescribedObject: of, Metric: hits, Target: target}}
	}
	for why, c := range map[string]struct {
		metric       autoscalingv2.MetricSpec
		event, whole string // of the metric, and of the autoscaler after the number of metrics
	}{
		"pods": {autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{Metric: hits, Target: each}},
			"FailedGetPodsMetric unable to get metric hits: broken", "failed to get pods metric value: unable to get metric hits: broken"},
		"an object, for each": {object(each, "Deployment"),
			"FailedGetObjectMetric unable to get metric hits: Deployment on default front/broken", "failed to get object metric value: failed to get hits object metric: unable to get metric hits: Deployment on default front/broken"},
		"an object": {object(all, "Deployment"),
			"FailedGetObjectMetric unable to get metric hits: Deployment on default front/broken", "failed to get object metric value: unable to get metric hits: Deployment on default front/broken"},
		"no kind": {object(all, "Foo"),
			`FailedGetObjectMetric unable to get metric hits: Foo on default front/unable to fetch metrics from custom metrics API: unable to map kind Foo.apps to resource: no matches for kind "Foo" in group "apps"`,
			`failed to get object metric value: unable to get metric hits: Foo on default front/unable to fetch metrics from custom metrics API: unable to map kind Foo.apps to resource: no matches for kind "Foo" in group "apps"`},
		"external, for all": {autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Metric: hits, Target: all}},
			"FailedGetExternalMetric unable to get external metric default/hits/nil: broken", "failed to get hits external metric value: failed to get external metric hits: unable to get external metric default/hits/nil: broken"},
		"external": {autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Metric: hits, Target: each}},
			"FailedGetExternalMetric unable to get external metric default/hits/nil: broken", "failed to get hits external metric value: failed to get hits external metric: unable to get external metric default/hits/nil: broken"},
		"a container": {autoscalingv2.MetricSpec{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricSource{Name: corev1.ResourceCPU, Container: "main", Target: each}},
			"FailedGetContainerResourceMetric failed to get cpu usage: unable to get metrics for resource cpu: broken", "failed to get main container metric value: failed to get cpu usage: unable to get metrics for resource cpu: broken"},
	} {
		t.Run(why, func(t *testing.T) {
			f := newFixture(t, 3, c.metric, nil)
			f.Client = known{f.Client}
			f.metrics.failed = errors.New("broken")
			f.looks()
			reason, message, _ := strings.Cut(c.event, " ")
			for _, want := range []string{"Warning " + c.event, "Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: " + c.whole} {
				if got := <-f.recorder.Events; got != want {
					t.Errorf("said %s\nwant %s", got, want)
				}
			}
			var hpa autoscalingv2.HorizontalPodAutoscaler
			if err := f.Client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &hpa); err != nil {
				t.Fatal(err)
			}
			last := hpa.Status.Conditions[len(hpa.Status.Conditions)-1]
			if last.Reason != reason || last.Message != "the HPA was unable to compute the replica count: "+message {
				t.Errorf("condition %+v", last)
			}
			if got := hpa.Status.CurrentMetrics; len(got) != 1 || got[0].Type != "" {
				t.Errorf("current metrics %+v", got)
			}
		})
	}
}

// known is a client that knows the kinds of the test.
type known struct{ client.Client }

// RESTMapper implements client.Client.
func (known) RESTMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(appsv1.SchemeGroupVersion.WithKind("Deployment"), meta.RESTScopeNamespace)
	return mapper
}

// Where the number of replicas is out of bounds no metric is asked, and none is shown.
func TestNoMetricsAreShownOutOfBounds(t *testing.T) {
	f := newFixture(t, 3, cpu(50), nil)
	f.expect("in bounds", "3: ReadyForNewScale ValidMetricFound DesiredWithinRange")
	var hpa autoscalingv2.HorizontalPodAutoscaler
	key := client.ObjectKey{Namespace: "default", Name: "web"}
	if err := f.Client.Get(t.Context(), key, &hpa); err != nil || len(hpa.Status.CurrentMetrics) != 1 {
		t.Fatalf("%v, %+v", err, hpa.Status)
	}
	hpa.Spec.MinReplicas = ptr.To[int32](5)
	if err := f.Client.Update(t.Context(), &hpa); err != nil {
		t.Fatal(err)
	}
	f.expect("too few", "5: SucceededRescale ValidMetricFound DesiredWithinRange")
	if err := f.Client.Get(t.Context(), key, &hpa); err != nil || len(hpa.Status.CurrentMetrics) != 0 {
		t.Errorf("%v, %+v", err, hpa.Status.CurrentMetrics)
	}
}

// A recommendation that was older than the window is not remembered when the window grows.
func TestRecommendationsAreForgottenWithTheirWindow(t *testing.T) {
	behavior := &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](0)}}
	f := newFixture(t, 8, cpu(50), behavior)
	f.expect("as it should be", "8: ReadyForNewScale ValidMetricFound DesiredWithinRange")
	f.use(10)
	f.clock.Step(15 * time.Second)
	f.expect("idle", "2: SucceededRescale ValidMetricFound TooFewReplicas")
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err := f.Client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &hpa); err != nil {
		t.Fatal(err)
	}
	hpa.Spec.Behavior.ScaleDown.StabilizationWindowSeconds = ptr.To[int32](300)
	if err := f.Client.Update(t.Context(), &hpa); err != nil {
		t.Fatal(err)
	}
	f.clock.Step(15 * time.Second)
	f.expect("a longer window", "2: ReadyForNewScale ValidMetricFound TooFewReplicas")
}

// Samples of pods that are gone do not stand for those that are there.
func TestSamplesOfUnknownPods(t *testing.T) {
	f := newFixture(t, 3, cpu(50), nil)
	f.metrics.pods = map[string]int64{"gone": 500}
	samples, err := f.metrics.samples()
	if err != nil {
		t.Fatal(err)
	}
	pods := []*corev1.Pod{{}}
	pods[0].Name = "there"
	u := (&round{Controller: f.Controller, now: f.clock.Now()}).sort(pods, samples, corev1.ResourceCPU)
	if _, _, _, err := u.shares(1, 50, map[string]int64{"there": 1000}, tolerance{0.1, 0.1}); err == nil || err.Error() != "no metrics returned matched known pods" {
		t.Errorf("%v", err)
	}
	if len(u.missing) != 1 {
		t.Errorf("missing %v", u.missing)
	}
}

// Memory is shown in powers of two, whatever the target is written in.
func TestMemoryIsShownInBinaryUnits(t *testing.T) {
	metric := cpu(50)
	metric.Resource.Name = corev1.ResourceMemory
	metric.Resource.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("50M"))}
	f := newFixture(t, 3, metric, nil)
	f.use(51712 * 1024 * 1000)
	f.looks()
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err := f.Client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "web"}, &hpa); err != nil {
		t.Fatal(err)
	}
	if got := hpa.Status.CurrentMetrics[0].Resource.Current.AverageValue.String(); got != "51712Ki" {
		t.Errorf("%s", got)
	}
}
