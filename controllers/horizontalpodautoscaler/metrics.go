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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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

// served are the metrics APIs that the API server serves or passes on.
type served struct{ client rest.Interface }

func newMetrics(config *rest.Config, transport *http.Client) (Metrics, error) {
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, transport)
	return served{client}, err
}

func (s served) get(ctx context.Context, path string, parameters map[string]string, into any) error {
	request := s.client.Get().AbsPath(path).SetHeader("Accept", "application/json")
	for key, value := range parameters {
		if value != "" {
			request = request.Param(key, value)
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
	path := fmt.Sprintf("/apis/metrics.k8s.io/v1beta1/namespaces/%s/pods", namespace)
	if err := s.get(ctx, path, map[string]string{"labelSelector": selector.String()}, &list); err != nil {
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

// custom reads custom metrics, of the newer version if it is served.
func (s served) custom(ctx context.Context, path string, parameters map[string]string) (*custommetrics.MetricValueList, error) {
	var list custommetrics.MetricValueList
	err := s.get(ctx, "/apis/custom.metrics.k8s.io/v1beta2/"+path, parameters, &list)
	if err != nil {
		if older := s.get(ctx, "/apis/custom.metrics.k8s.io/v1beta1/"+path, parameters, &list); older == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("unable to fetch metrics from custom metrics API: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, errors.New("no metrics returned from custom metrics API")
	}
	return &list, nil
}

func (s served) Pods(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier, selector labels.Selector) (map[string]sample, error) {
	list, err := s.custom(ctx, fmt.Sprintf("namespaces/%s/pods/*/%s", namespace, metric.Name), map[string]string{
		"labelSelector": selector.String(), "metricLabelSelector": format(metric.Selector),
	})
	if err != nil {
		return nil, err
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
	list, err := s.custom(ctx, path, map[string]string{"metricLabelSelector": format(metric.Selector)})
	if err != nil {
		return 0, err
	}
	return list.Items[0].Value.MilliValue(), nil
}

func (s served) External(ctx context.Context, namespace string, metric autoscalingv2.MetricIdentifier) ([]int64, error) {
	var list externalmetrics.ExternalMetricValueList
	path := fmt.Sprintf("/apis/external.metrics.k8s.io/v1beta1/namespaces/%s/%s", namespace, metric.Name)
	if err := s.get(ctx, path, map[string]string{"labelSelector": format(metric.Selector)}, &list); err != nil {
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
