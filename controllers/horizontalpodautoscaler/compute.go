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

// failure of one metric: the reason and the cause are told of it, err says besides which metric it is about.
type failure struct {
	reason     string
	cause, err error
}

// within is an error that is told without what stands before it.
type within struct {
	before string
	cause  error
}

// Error implements error.
func (w *within) Error() string { return w.before + ": " + w.cause.Error() }

// Unwrap is the cause.
func (w *within) Unwrap() error { return w.cause }

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
	statuses := make([]autoscalingv2.MetricStatus, len(r.hpa.Spec.Metrics)) // empty of what cannot be read
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
		statuses[i] = p.status
		if metric == "" || p.replicas > replicas {
			replicas, metric = p.replicas, p.name
		}
	}
	r.hpa.Status.CurrentMetrics = statuses
	if invalid > 0 && (invalid >= len(r.hpa.Spec.Metrics) || replicas < r.target.Spec.Replicas) {
		r.set(autoscalingv2.ScalingActive, corev1.ConditionFalse, first.reason, "the HPA was unable to compute the replica count: %v", first.cause)
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
		reason, what = "FailedGetContainerResourceMetric", fmt.Sprintf("%s container metric value", spec.ContainerResource.Container)
		p, err = r.resource(ctx, resourceQuestion{spec.ContainerResource.Name, spec.ContainerResource.Container, spec.ContainerResource.Target}, selector)
	case spec.Type == autoscalingv2.PodsMetricSourceType && spec.Pods != nil:
		reason, what = "FailedGetPodsMetric", "pods metric value"
		p, err = r.perPod(ctx, spec.Pods, selector)
	case spec.Type == autoscalingv2.ObjectMetricSourceType && spec.Object != nil:
		reason, what = "FailedGetObjectMetric", "object metric value"
		p, err = r.object(ctx, spec.Object, selector)
	case spec.Type == autoscalingv2.ExternalMetricSourceType && spec.External != nil:
		reason, what = "FailedGetExternalMetric", fmt.Sprintf("%s external metric value", spec.External.Metric.Name)
		p, err = r.external(ctx, spec.External, selector)
	default:
		unknown := fmt.Errorf("unknown metric source type %q", spec.Type)
		return nil, &failure{"InvalidMetricSourceType", unknown, unknown}
	}
	if err != nil {
		cause := err
		if inner := (&within{}); errors.As(err, &inner) {
			cause = inner.cause
		}
		r.event(corev1.EventTypeWarning, reason, "%v", cause)
		return nil, &failure{reason, cause, fmt.Errorf("failed to get %s: %w", what, err)}
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

// kind is how messages call what is asked about.
func (q *resourceQuestion) kind() string {
	if q.container != "" {
		return "container resource"
	}
	return "resource"
}

// measure is what the target is said in.
func (q *resourceQuestion) measure() string {
	if q.target.AverageValue != nil {
		return "usage"
	}
	return "utilization"
}

// resource proposes a size by what pods use of a resource: on average, or in percent of what they request.
func (r *round) resource(ctx context.Context, q resourceQuestion, selector labels.Selector) (*proposal, error) {
	if q.target.AverageValue == nil && q.target.AverageUtilization == nil {
		return nil, fmt.Errorf("invalid %s metric source: neither an average utilization target nor an average value (usage) target was set", q.kind())
	}
	p, err := r.byUsage(ctx, &q, selector)
	if err != nil {
		return nil, fmt.Errorf("failed to get %s %s: %w", q.name, q.measure(), err)
	}
	return p, nil
}

// byUsage is resource for a question that has a target.
func (r *round) byUsage(ctx context.Context, q *resourceQuestion, selector labels.Selector) (*proposal, error) {
	samples, err := r.Metrics.Resource(ctx, r.hpa.Namespace, q.name, q.container, selector)
	if err != nil {
		return nil, fmt.Errorf("unable to get metrics for resource %s: %w", q.name, err)
	}
	pods, err := r.pods(ctx, selector)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, errors.New("no pods returned by selector while calculating replica count")
	}
	u, current := r.sort(pods, samples, q.name), r.target.Spec.Replicas
	if len(u.samples) == 0 {
		return nil, errNoMetrics
	}
	p, value := &proposal{}, autoscalingv2.MetricValueStatus{}
	var average int64
	if q.target.AverageValue != nil {
		p.name = fmt.Sprintf("%s resource", q.name)
		p.replicas, average, err = u.averages(current, q.target.AverageValue.MilliValue(), r.tolerance())
	} else {
		p.name = fmt.Sprintf("%s %s utilization (percentage of request)", q.name, q.kind())
		wants, missing := requests(pods, q.name, q.container)
		if missing != nil {
			return nil, missing
		}
		value.AverageUtilization = new(int32)
		p.replicas, *value.AverageUtilization, average, err = u.shares(current, *q.target.AverageUtilization, wants, r.tolerance())
	}
	if err != nil {
		return nil, err
	}
	value.AverageValue = milli(average)
	if q.name == corev1.ResourceMemory {
		value.AverageValue.Format = resource.BinarySI
	}
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
	samples, err := r.Metrics.Pods(ctx, r.hpa.Namespace, spec.Metric, selector)
	if err != nil {
		return nil, fmt.Errorf("unable to get metric %s: %w", spec.Metric.Name, err)
	}
	pods, err := r.pods(ctx, selector)
	if err != nil {
		return nil, err
	}
	if spec.Target.AverageValue == nil {
		return nil, errors.New("no average value target was set")
	}
	u := r.sort(pods, samples, "")
	replicas, average, err := u.averages(r.target.Spec.Replicas, spec.Target.AverageValue.MilliValue(), r.tolerance())
	if err != nil {
		return nil, err
	}
	return &proposal{replicas: replicas, name: "pods metric " + spec.Metric.Name, status: autoscalingv2.MetricStatus{
		Type: autoscalingv2.PodsMetricSourceType,
		Pods: &autoscalingv2.PodsMetricStatus{Metric: spec.Metric, Current: autoscalingv2.MetricValueStatus{AverageValue: milli(average)}},
	}}, nil
}

// object proposes a size by a metric of one object. What that is called in words depends on the target.
func (r *round) object(ctx context.Context, spec *autoscalingv2.ObjectMetricSource, selector labels.Selector) (*proposal, error) {
	of, name := spec.DescribedObject, spec.Metric.Name
	called, explain := fmt.Sprintf("%s metric %s", of.Kind, name), func(err error) error { return err }
	if spec.Target.AverageValue != nil {
		called = fmt.Sprintf("external metric %s(%+v)", name, spec.Metric.Selector)
		explain = func(err error) error { return &within{"failed to get " + name + " object metric", err} }
	}
	value, err := r.valueOf(ctx, spec)
	if err != nil {
		return nil, explain(fmt.Errorf("unable to get metric %s: %s on %s %s/%w", name, of.Kind, r.hpa.Namespace, of.Name, err))
	}
	replicas, current, err := r.whole(ctx, value, spec.Target, selector)
	if err != nil {
		return nil, explain(err)
	}
	return &proposal{replicas: replicas, name: called, status: autoscalingv2.MetricStatus{
		Type:   autoscalingv2.ObjectMetricSourceType,
		Object: &autoscalingv2.ObjectMetricStatus{DescribedObject: of, Metric: spec.Metric, Current: current},
	}}, nil
}

// valueOf reads the metric of an object, whatever version of its kind is named.
func (r *round) valueOf(ctx context.Context, spec *autoscalingv2.ObjectMetricSource) (int64, error) {
	gv, err := schema.ParseGroupVersion(spec.DescribedObject.APIVersion)
	if err != nil {
		return 0, err
	}
	of := gv.WithKind(spec.DescribedObject.Kind).GroupKind()
	mapping, err := r.Client.RESTMapper().RESTMapping(of, gv.Version)
	if err != nil {
		return 0, fmt.Errorf("unable to fetch metrics from custom metrics API: unable to map kind %s to resource: %w", of, ofGroup(err, of))
	}
	return r.Metrics.Object(ctx, r.hpa.Namespace, spec.Metric, spec.DescribedObject, plural(mapping))
}

// ofGroup says of a kind that is not served in any version of its group, not in which it was looked for.
func ofGroup(err error, kind schema.GroupKind) error {
	if meta.IsNoMatchError(err) {
		return &meta.NoKindMatchError{GroupKind: kind}
	}
	return err
}

// plural is how the metrics API calls a resource: with its group unless that is the core one.
func plural(mapping *meta.RESTMapping) string { return mapping.Resource.GroupResource().String() }

func (r *round) external(ctx context.Context, spec *autoscalingv2.ExternalMetricSource, selector labels.Selector) (*proposal, error) {
	explain := func(err error) error { return &within{"failed to get external metric " + spec.Metric.Name, err} }
	if spec.Target.AverageValue != nil {
		explain = func(err error) error { return &within{"failed to get " + spec.Metric.Name + " external metric", err} }
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
