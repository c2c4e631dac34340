package horizontalpodautoscaler

import (
	"context"
	"errors"
	"fmt"
	"math"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// proposal is what one metric asks for.
type proposal struct {
	replicas int32
	name     string
	status   autoscalingv2.MetricStatus
}

// failure of one metric, with the reason of the condition.
type failure struct {
	reason string
	err    error
}

// cause is what the condition says: not which metric it is about.
func (f *failure) cause() error {
	if inner := errors.Unwrap(f.err); inner != nil {
		return inner
	}
	return f.err
}

// compute asks all metrics; the one that asks for the most counts. When one cannot be read, the others can only make
// the target larger.
func (r *round) compute(ctx context.Context) (replicas int32, metric string, err error) {
	if r.target.Status.Selector == "" {
		return 0, "", r.inactive("InvalidSelector", "selector is required", "the HPA target's scale is missing a selector")
	}
	selector, err := labels.Parse(r.target.Status.Selector)
	if err != nil {
		message := fmt.Sprintf("couldn't convert selector into a corresponding internal selector object: %v", err)
		return 0, "", r.inactive("InvalidSelector", message, message)
	}
	if err := r.unshared(ctx, selector); err != nil {
		return 0, "", err
	}
	var first *failure
	var statuses []autoscalingv2.MetricStatus
	invalid := 0
	for i := range r.hpa.Spec.Metrics {
		began := r.Clock.Now()
		p, failed := r.ask(ctx, &r.hpa.Spec.Metrics[i], selector)
		r.counts.asked(r.hpa.Spec.Metrics[i].Type, r.target.Spec.Replicas, p, failed, r.Clock.Since(began))
		if failed != nil {
			r.failed(failed.reason)
			if first == nil {
				first = failed
			}
			invalid++
			continue
		}
		statuses = append(statuses, p.status)
		if metric == "" || p.replicas > replicas {
			replicas, metric = p.replicas, p.name
		}
	}
	r.hpa.Status.CurrentMetrics = statuses
	if invalid > 0 && (invalid >= len(r.hpa.Spec.Metrics) || replicas < r.target.Spec.Replicas) {
		r.set(autoscalingv2.ScalingActive, corev1.ConditionFalse, first.reason, "the HPA was unable to compute the replica count: %v", first.cause())
		return 0, "", fmt.Errorf("invalid metrics (%v invalid out of %v), first error is: %w", invalid, len(r.hpa.Spec.Metrics), first.err)
	}
	r.set(autoscalingv2.ScalingActive, corev1.ConditionTrue, "ValidMetricFound", "the HPA was able to successfully calculate a replica count from %s", metric)
	return replicas, metric, nil
}

func (r *round) inactive(reason, event, message string) error {
	r.failed(reason)
	r.event(corev1.EventTypeWarning, reason, "%s", event)
	r.set(autoscalingv2.ScalingActive, corev1.ConditionFalse, reason, "%s", message)
	return fmt.Errorf("%s", event)
}

// ask one metric.
func (r *round) ask(ctx context.Context, spec *autoscalingv2.MetricSpec, selector labels.Selector) (*proposal, *failure) {
	var p *proposal
	var err error
	reason, what := "", ""
	switch {
	case spec.Type == autoscalingv2.ResourceMetricSourceType && spec.Resource != nil:
		reason, what = "FailedGetResourceMetric", fmt.Sprintf("%s resource metric value", spec.Resource.Name)
		p, err = r.resource(ctx, resourceQuestion{spec.Resource.Name, "", spec.Resource.Target}, selector)
	case spec.Type == autoscalingv2.ContainerResourceMetricSourceType && spec.ContainerResource != nil:
		reason, what = "FailedGetContainerResourceMetric", fmt.Sprintf("%s container metric value", spec.ContainerResource.Name)
		p, err = r.resource(ctx, resourceQuestion{spec.ContainerResource.Name, spec.ContainerResource.Container, spec.ContainerResource.Target}, selector)
	case spec.Type == autoscalingv2.PodsMetricSourceType && spec.Pods != nil:
		reason, what = "FailedGetPodsMetric", "pods metric value"
		p, err = r.perPod(ctx, spec.Pods, selector)
	case spec.Type == autoscalingv2.ObjectMetricSourceType && spec.Object != nil:
		reason, what = "FailedGetObjectMetric", "object metric value"
		p, err = r.object(ctx, spec.Object, selector)
	case spec.Type == autoscalingv2.ExternalMetricSourceType && spec.External != nil:
		reason, what = "FailedGetExternalMetric", "external metric value"
		p, err = r.external(ctx, spec.External, selector)
	default:
		return nil, &failure{"InvalidMetricSourceType", fmt.Errorf("unknown metric source type %q", spec.Type)}
	}
	if err != nil {
		r.event(corev1.EventTypeWarning, reason, "%v", err)
		return nil, &failure{reason, fmt.Errorf("failed to get %s: %w", what, err)}
	}
	return p, nil
}

// tolerance of the autoscaler, where it says none that of all.
func (r *round) tolerance() tolerance {
	t := tolerance{down: r.Settings.Tolerance, up: r.Settings.Tolerance}
	if b := r.hpa.Spec.Behavior; b != nil {
		if b.ScaleDown != nil && b.ScaleDown.Tolerance != nil {
			t.down = b.ScaleDown.Tolerance.AsApproximateFloat64()
		}
		if b.ScaleUp != nil && b.ScaleUp.Tolerance != nil {
			t.up = b.ScaleUp.Tolerance.AsApproximateFloat64()
		}
	}
	return t
}

// resourceQuestion is about a resource of pods, or of one of their containers.
type resourceQuestion struct {
	name      corev1.ResourceName
	container string
	target    autoscalingv2.MetricTarget
}

// resource proposes a size by what pods use of a resource: on average, or in percent of what they request.
func (r *round) resource(ctx context.Context, q resourceQuestion, selector labels.Selector) (*proposal, error) {
	kind := "resource"
	if q.container != "" {
		kind = "container resource"
	}
	byAmount := q.target.AverageValue != nil
	if !byAmount && q.target.AverageUtilization == nil {
		return nil, fmt.Errorf("invalid %s metric source: neither an average utilization target nor an average value (usage) target was set", kind)
	}
	explain := func(err error) error {
		if byAmount {
			return fmt.Errorf("failed to get %s usage: %w", q.name, err)
		}
		return fmt.Errorf("failed to get %s utilization: %w", q.name, err)
	}
	samples, err := r.Metrics.Resource(ctx, r.hpa.Namespace, q.name, q.container, selector)
	if err != nil {
		return nil, explain(fmt.Errorf("unable to get metrics for resource %s: %w", q.name, err))
	}
	pods, err := r.pods(ctx, selector)
	if err != nil {
		return nil, explain(err)
	}
	if len(pods) == 0 {
		return nil, explain(fmt.Errorf("no pods returned by selector while calculating replica count"))
	}
	u, current := r.sort(pods, samples, q.name), r.target.Spec.Replicas
	value := autoscalingv2.MetricValueStatus{}
	p := &proposal{}
	var average int64
	if byAmount {
		p.name = fmt.Sprintf("%s %s", q.name, kind)
		p.replicas, average, err = u.averages(current, q.target.AverageValue.MilliValue(), r.tolerance())
	} else {
		p.name = fmt.Sprintf("%s %s utilization (percentage of request)", q.name, kind)
		wants, missing := requests(pods, q.name, q.container)
		if missing != nil {
			return nil, explain(missing)
		}
		var percent int32
		p.replicas, percent, average, err = u.shares(current, *q.target.AverageUtilization, wants, r.tolerance())
		value.AverageUtilization = &percent
	}
	if err != nil {
		return nil, explain(err)
	}
	value.AverageValue = milli(average)
	p.status = q.status(value)
	return p, nil
}

// status is the answer as the autoscaler reports it.
func (q *resourceQuestion) status(value autoscalingv2.MetricValueStatus) autoscalingv2.MetricStatus {
	if q.container != "" {
		return autoscalingv2.MetricStatus{
			Type:              autoscalingv2.ContainerResourceMetricSourceType,
			ContainerResource: &autoscalingv2.ContainerResourceMetricStatus{Name: q.name, Container: q.container, Current: value},
		}
	}
	return autoscalingv2.MetricStatus{
		Type:     autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricStatus{Name: q.name, Current: value},
	}
}

func milli(value int64) *resource.Quantity {
	return resource.NewMilliQuantity(value, resource.DecimalSI)
}

// perPod proposes a size by a metric that each pod has.
func (r *round) perPod(ctx context.Context, spec *autoscalingv2.PodsMetricSource, selector labels.Selector) (*proposal, error) {
	explain := func(err error) error { return fmt.Errorf("failed to get pods metric value: %w", err) }
	samples, err := r.Metrics.Pods(ctx, r.hpa.Namespace, spec.Metric, selector)
	if err != nil {
		return nil, explain(fmt.Errorf("unable to get metric %s: %w", spec.Metric.Name, err))
	}
	pods, err := r.pods(ctx, selector)
	if err != nil {
		return nil, explain(err)
	}
	if spec.Target.AverageValue == nil {
		return nil, explain(fmt.Errorf("no average value target was set"))
	}
	u := r.sort(pods, samples, "")
	replicas, average, err := u.averages(r.target.Spec.Replicas, spec.Target.AverageValue.MilliValue(), r.tolerance())
	if err != nil {
		return nil, explain(err)
	}
	return &proposal{replicas: replicas, name: "pods metric " + spec.Metric.Name, status: autoscalingv2.MetricStatus{
		Type: autoscalingv2.PodsMetricSourceType,
		Pods: &autoscalingv2.PodsMetricStatus{Metric: spec.Metric, Current: autoscalingv2.MetricValueStatus{AverageValue: milli(average)}},
	}}, nil
}

// object proposes a size by a metric of one object.
func (r *round) object(ctx context.Context, spec *autoscalingv2.ObjectMetricSource, selector labels.Selector) (*proposal, error) {
	explain := func(err error) error { return fmt.Errorf("failed to get object metric value: %w", err) }
	gv, err := schema.ParseGroupVersion(spec.DescribedObject.APIVersion)
	if err != nil {
		return nil, explain(err)
	}
	mapping, err := r.Client.RESTMapper().RESTMapping(gv.WithKind(spec.DescribedObject.Kind).GroupKind(), gv.Version)
	if err != nil {
		return nil, explain(fmt.Errorf("unable to map object to resource: %w", err))
	}
	value, err := r.Metrics.Object(ctx, r.hpa.Namespace, spec.Metric, spec.DescribedObject, plural(mapping))
	if err != nil {
		return nil, explain(fmt.Errorf("unable to get metric %s: %s on %s %s/%s: %w", spec.Metric.Name, spec.DescribedObject.Kind, r.hpa.Namespace, spec.DescribedObject.Kind, spec.DescribedObject.Name, err))
	}
	replicas, current, err := r.whole(ctx, value, spec.Target, selector)
	if err != nil {
		return nil, explain(err)
	}
	return &proposal{replicas: replicas, name: fmt.Sprintf("%s metric %s", spec.DescribedObject.Kind, spec.Metric.Name), status: autoscalingv2.MetricStatus{
		Type:   autoscalingv2.ObjectMetricSourceType,
		Object: &autoscalingv2.ObjectMetricStatus{DescribedObject: spec.DescribedObject, Metric: spec.Metric, Current: current},
	}}, nil
}

// plural is how the metrics API calls a resource: with its group unless that is the core one.
func plural(mapping *meta.RESTMapping) string { return mapping.Resource.GroupResource().String() }

func (r *round) external(ctx context.Context, spec *autoscalingv2.ExternalMetricSource, selector labels.Selector) (*proposal, error) {
	explain := func(err error) error {
		return fmt.Errorf("failed to get %s external metric: %w", spec.Metric.Name, err)
	}
	values, err := r.Metrics.External(ctx, r.hpa.Namespace, spec.Metric)
	if err != nil {
		return nil, explain(fmt.Errorf("unable to get external metric %s/%s/%+v: %w", r.hpa.Namespace, spec.Metric.Name, spec.Metric.Selector, err))
	}
	var sum int64
	for _, value := range values {
		sum += value
	}
	replicas, current, err := r.whole(ctx, sum, spec.Target, selector)
	if err != nil {
		return nil, explain(err)
	}
	return &proposal{replicas: replicas, name: fmt.Sprintf("external metric %s(%+v)", spec.Metric.Name, spec.Metric.Selector), status: autoscalingv2.MetricStatus{
		Type:     autoscalingv2.ExternalMetricSourceType,
		External: &autoscalingv2.ExternalMetricStatus{Metric: spec.Metric, Current: current},
	}}, nil
}

// whole is for metrics that are one number for all pods: a target is one number, too, or an amount for each pod.
func (r *round) whole(ctx context.Context, value int64, to autoscalingv2.MetricTarget, selector labels.Selector) (int32, autoscalingv2.MetricValueStatus, error) {
	current, status := r.target.Spec.Replicas, r.target.Status.Replicas
	if to.AverageValue != nil {
		each := to.AverageValue.MilliValue()
		replicas := status
		if ratio := float64(value) / (float64(each) * float64(status)); !r.tolerance().allows(ratio) {
			replicas = int32(math.Ceil(float64(value) / float64(each)))
		}
		average := int64(math.Ceil(float64(value) / math.Max(float64(status), 1)))
		return replicas, autoscalingv2.MetricValueStatus{AverageValue: milli(average)}, nil
	}
	if to.Value == nil {
		return 0, autoscalingv2.MetricValueStatus{}, fmt.Errorf("neither a value target nor an average value target was set")
	}
	ratio, measured := float64(value)/float64(to.Value.MilliValue()), autoscalingv2.MetricValueStatus{Value: milli(value)}
	switch {
	case current == 0:
		return int32(math.Ceil(ratio)), measured, nil
	case r.tolerance().allows(ratio):
		return current, measured, nil
	}
	pods, err := r.pods(ctx, selector)
	if err != nil {
		return 0, measured, err
	}
	return int32(math.Ceil(ratio * float64(readyPods(pods)))), measured, nil
}
