package cluster

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// measured answers custom.metrics.k8s.io and external.metrics.k8s.io as an adapter does: 20 of all pods, 4 of the Service, 30 elsewhere.
type measured struct {
	mu   sync.Mutex
	asks map[string]string // path: as whom
	pods func() []string
}

// ServeHTTP implements http.Handler.
func (m *measured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asks[r.URL.Path] = r.Header.Get("X-Remote-User")
	m.mu.Unlock()
	now := time.Now().UTC().Format(time.RFC3339)
	item := func(kind, name, value string) string {
		return fmt.Sprintf(`{"describedObject":{"kind":%q,"namespace":"default","name":%q},"metric":{"name":"requests"},"timestamp":%q,"value":%q}`, kind, name, now, value)
	}
	const custom = `{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[%s]}`
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case path == "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/requests":
		var items []string
		pods := m.pods()
		for _, pod := range pods {
			items = append(items, item("Pod", pod, fmt.Sprintf("%dm", 20_000/len(pods))))
		}
		fmt.Fprintf(w, custom, strings.Join(items, ","))
	case path == "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/web/requests":
		fmt.Fprintf(w, custom, item("Service", "web", "4"))
	case path == "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queued":
		fmt.Fprintf(w, `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[{"metricName":"queued","timestamp":%q,"value":"30"}]}`, now)
	case strings.Count(path, "/") <= 3: // discovery
		_ = json.NewEncoder(w).Encode(metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: strings.TrimPrefix(path, "/apis/")})
	default:
		http.NotFound(w, r)
	}
}

// A HorizontalPodAutoscaler on the metrics of an adapter behind APIServices: of pods, of an object, and of what is elsewhere.
func TestAutoscalingOnAggregatedMetrics(t *testing.T) {
	options := ForTest(t.TempDir())
	options.SimulatedNodes = 1
	_, c := started(t, options)
	create := func(objects ...client.Object) {
		t.Helper()
		for _, o := range objects {
			if err := c.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	m := &measured{asks: map[string]string{}, pods: func() (names []string) {
		var all corev1.PodList
		if err := c.List(t.Context(), &all, client.InNamespace("default"), client.MatchingLabels{"app": "web"}); err != nil {
			return nil
		}
		for i := range all.Items {
			names = append(names, all.Items[i].Name)
		}
		return names
	}}
	adapter := httptest.NewTLSServer(m)
	defer adapter.Close()
	port := int32(adapter.Listener.Addr().(*net.TCPAddr).Port)
	create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "adapter"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"}})
	for _, group := range []string{"custom.metrics.k8s.io/v1beta2", "external.metrics.k8s.io/v1beta1"} {
		name, version, _ := strings.Cut(group, "/")
		service := &apiregistrationv1.APIService{ObjectMeta: metav1.ObjectMeta{Name: version + "." + name}, Spec: apiregistrationv1.APIServiceSpec{
			Group: name, Version: version, GroupPriorityMinimum: 100, VersionPriority: 100, InsecureSkipTLSVerify: true,
			Service: &apiregistrationv1.ServiceReference{Namespace: "default", Name: "adapter", Port: &port},
		}}
		create(service)
		eventually(t, group, func() error {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(service), service); err != nil {
				return err
			}
			if s := service.Status.Conditions; len(s) != 1 || s[0].Status != apiregistrationv1.ConditionTrue {
				return fmt.Errorf("%v", s)
			}
			return nil
		})
	}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}}},
	}}
	create(web)
	eventually(t, "two pods", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil || web.Status.ReadyReplicas != 2 {
			return fmt.Errorf("%w %v", err, web.Status)
		}
		return nil
	})
	create(autoscaler())
	hpa := autoscaler()
	eventually(t, "six pods, as many as what is queued asks for", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(hpa), hpa); err != nil {
			return err
		}
		if hpa.Status.DesiredReplicas != 6 || len(hpa.Status.CurrentMetrics) != 3 {
			return fmt.Errorf("%v", hpa.Status)
		}
		return c.Get(t.Context(), client.ObjectKeyFromObject(web), web)
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, path := range []string{"/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/requests", "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/web/requests", "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queued"} {
		if who := m.asks[path]; who != "system:serviceaccount:kube-system:horizontal-pod-autoscaler" {
			t.Errorf("%s was asked for by %q", path, who)
		}
	}
}

// autoscaler asks for 4 pods by what they and the Service are asked, and for 6 by what is queued elsewhere.
func autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	requests := autoscalingv2.MetricIdentifier{Name: "requests"}
	quantity := func(s string) *resource.Quantity { return ptr.To(resource.MustParse(s)) }
	return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, MaxReplicas: 10,
		Metrics: []autoscalingv2.MetricSpec{
			{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{Metric: requests, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity("5")}}},
			{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{
				Metric: requests, DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Service", Name: "web"},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity("1")},
			}},
			{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: "queued"}, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity("5")},
			}},
		},
	}}
}
