package horizontalpodautoscaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	custommetrics "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	resourcemetrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// sample is one value of a metric of a pod, in thousandths.
type sample struct {
	value     int64
	timestamp time.Time
	window    time.Duration
}

// Metrics reads the metrics APIs.
type Metrics interface {
	// Resource usage of pods by name, of one container or of all.
	Resource(ctx context.Context, namespace string, resource corev1.ResourceName, container string, selector labels.Selector) (map[string]sample, error)
	// Pods' own metrics by name.
	Pods(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier, selector labels.Selector) (map[string]sample, error)
	// Object metric of one object.
	Object(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier, object autoscalingv2.CrossVersionObjectReference, resource string) (int64, error)
	// External metrics: all values.
	External(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier) ([]int64, error)
}

// served are the metrics APIs that the API server serves or passes on. Each has a client of its own, which names it when it is not there.
type served struct{ resource, custom, external rest.Interface }

func newMetrics(config *rest.Config, transport *http.Client) (Metrics, error) {
	of := func(group string) (rest.Interface, error) {
		own := rest.CopyConfig(config)
		own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
		own.APIPath, own.GroupVersion = "/apis", &schema.GroupVersion{Group: group, Version: "v1beta1"}
		return rest.RESTClientForConfigAndClient(own, transport)
	}
	resource, err := of(resourcemetrics.GroupName)
	custom, err2 := of(customGroup)
	external, err3 := of(externalmetrics.GroupName)
	return served{resource, custom, external}, errors.Join(err, err2, err3)
}

func get(ctx context.Context, request *rest.Request, parameters map[string]string, into any) error {
	request.SetHeader("Accept", "application/json")
	for key, value := range parameters {
		if value != "" {
			request.Param(key, value)
		}
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // what the server says in its body, which Raw leaves out
		return err
	}
	data, err := result.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (s served) Resource(ctx context.Context, namespace string, resource corev1.ResourceName, container string, selector labels.Selector) (map[string]sample, error) {
	var list resourcemetrics.PodMetricsList
	if err := get(ctx, s.resource.Get().Namespace(namespace).Resource("pods"), map[string]string{"labelSelector": selector.String()}, &list); err != nil {
		return nil, fmt.Errorf("unable to fetch metrics from resource metrics API: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, errors.New("no metrics returned from resource metrics API")
	}
	samples := map[string]sample{}
	for i := range list.Items {
		pod := &list.Items[i]
		sum, complete := total(pod.Containers, resource, container)
		if complete {
			samples[pod.Name] = sample{value: sum, timestamp: pod.Timestamp.Time, window: pod.Window.Duration}
		}
	}
	return samples, nil
}

// total of the containers, or that of one. A pod of which a container has no metric has none.
func total(containers []resourcemetrics.ContainerMetrics, resource corev1.ResourceName, only string) (sum int64, complete bool) {
	for i := range containers {
		if only != "" && containers[i].Name != only {
			continue
		}
		value, ok := containers[i].Usage[resource]
		if !ok {
			return 0, false
		}
		sum += value.MilliValue()
		complete = true
	}
	return sum, complete
}

const (
	customGroup = custommetrics.GroupName
	// noCustomMetrics is why there are no custom metrics where nobody serves them.
	noCustomMetrics = "no custom metrics API (custom.metrics.k8s.io) registered"
)

// version is that of custom metrics which is served and preferred among those that can be read.
func (s served) version(ctx context.Context) (string, error) {
	var group metav1.APIGroup
	if err := get(ctx, s.custom.Get().AbsPath("/apis/"+customGroup), nil, &group); err != nil {
		if apierrors.IsNotFound(err) {
			err = errors.New(noCustomMetrics)
		}
		return "", err
	}
	for _, offered := range append([]metav1.GroupVersionForDiscovery{group.PreferredVersion}, group.Versions...) {
		if offered.Version == "v1beta2" || offered.Version == "v1beta1" {
			return offered.Version, nil
		}
	}
	return "", errors.New(noCustomMetrics)
}

// customs reads custom metrics, of the version that is preferred. What counts is the same in both.
func (s served) customs(ctx context.Context, path string, parameters map[string]string) (*custommetrics.MetricValueList, error) {
	var list custommetrics.MetricValueList
	version, err := s.version(ctx)
	if err == nil {
		err = get(ctx, s.custom.Get().AbsPath("/apis/"+customGroup+"/"+version+"/"+path), parameters, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("unable to fetch metrics from custom metrics API: %w", err)
	}
	return &list, nil
}

func (s served) Pods(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier, selector labels.Selector) (map[string]sample, error) {
	list, err := s.customs(ctx, fmt.Sprintf("namespaces/%s/pods/*/%s", namespace, metric.Name), map[string]string{
		"labelSelector": selector.String(), "metricLabelSelector": format(metric.Selector),
	})
	if err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, errors.New("no metrics returned from custom metrics API")
	}
	samples := map[string]sample{}
	for i := range list.Items {
		item := &list.Items[i]
		window := time.Minute
		if item.WindowSeconds != nil {
			window = time.Duration(*item.WindowSeconds) * time.Second
		}
		samples[item.DescribedObject.Name] = sample{value: item.Value.MilliValue(), timestamp: item.Timestamp.Time, window: window}
	}
	return samples, nil
}

func (s served) Object(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier, object autoscalingv2.CrossVersionObjectReference, resource string) (int64, error) {
	path := fmt.Sprintf("namespaces/%s/%s/%s/%s", namespace, resource, object.Name, metric.Name)
	if resource == "namespaces" {
		path = fmt.Sprintf("namespaces/%s/metrics/%s", object.Name, metric.Name)
	}
	list, err := s.customs(ctx, path, map[string]string{"metricLabelSelector": format(metric.Selector)})
	if err != nil {
		return 0, err
	}
	if n := len(list.Items); n != 1 {
		return 0, fmt.Errorf("unable to fetch metrics from custom metrics API: the custom metrics API server returned %d results when we asked for exactly one", n)
	}
	return list.Items[0].Value.MilliValue(), nil
}

func (s served) External(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier) ([]int64, error) {
	var list externalmetrics.ExternalMetricValueList
	if err := get(ctx, s.external.Get().Namespace(namespace).Resource(metric.Name), map[string]string{"labelSelector": format(metric.Selector)}, &list); err != nil {
		return nil, fmt.Errorf("unable to fetch metrics from external metrics API: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, errors.New("no metrics returned from external metrics API")
	}
	var values []int64
	for i := range list.Items {
		values = append(values, list.Items[i].Value.MilliValue())
	}
	return values, nil
}

// format writes a selector of labels; nothing for one that selects everything.
func format(selector *metav1.LabelSelector) string {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || selector == nil {
		return ""
	}
	return parsed.String()
}
