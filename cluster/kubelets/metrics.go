package kubelets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	apiresource "github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// maxSummary bounds what a node may answer.
const maxSummary = 64 << 20

// Live answers metrics.k8s.io by asking the kubelets, when somebody asks.
func (k *Client) Live() map[schema.GroupResource]apiserver.LiveFunc {
	group := metricsv1beta1.GroupName
	return map[schema.GroupResource]apiserver.LiveFunc{
		{Group: group, Resource: "nodes"}: k.nodeMetrics,
		{Group: group, Resource: "pods"}:  k.podMetrics,
	}
}

func (k *Client) nodeMetrics(ctx context.Context, _, name string) ([]apiresource.Object, error) {
	var found []apiresource.Object
	for _, answer := range k.summaries(ctx, name) {
		usage, at, ok := used(answer.summary.Node.CPU, answer.summary.Node.Memory)
		if !ok {
			continue
		}
		found = append(found, &metricsv1beta1.NodeMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: answer.node.Name, Labels: answer.node.Labels, CreationTimestamp: metav1.Now()},
			Timestamp:  at, Usage: usage,
		})
	}
	if name != "" && len(found) == 0 {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: metricsv1beta1.GroupName, Resource: "nodemetrics"}, name)
	}
	return found, nil
}

func (k *Client) podMetrics(ctx context.Context, namespace, name string) ([]apiresource.Object, error) {
	node := ""
	if name != "" {
		pod, ok := auth.Get[*corev1.Pod](k.nodes, schema.GroupResource{Resource: "pods"}, namespace, name)
		if !ok {
			return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, name)
		}
		node = pod.Spec.NodeName
	}
	var found []apiresource.Object
	for _, answer := range k.summaries(ctx, node) {
		for i := range answer.summary.Pods {
			measured := &answer.summary.Pods[i]
			if (namespace != "" && measured.PodRef.Namespace != namespace) || (name != "" && measured.PodRef.Name != name) {
				continue
			}
			if metrics := k.metricsOf(measured); metrics != nil {
				found = append(found, metrics)
			}
		}
	}
	if name != "" && len(found) == 0 {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: metricsv1beta1.GroupName, Resource: "podmetrics"}, namespace+"/"+name)
	}
	return found, nil
}

// metricsOf a pod whose containers have all been measured, or nil.
func (k *Client) metricsOf(measured *statsapi.PodStats) *metricsv1beta1.PodMetrics {
	pod, ok := auth.Get[*corev1.Pod](k.nodes, schema.GroupResource{Resource: "pods"}, measured.PodRef.Namespace, measured.PodRef.Name)
	if !ok || string(pod.UID) != measured.PodRef.UID || len(measured.Containers) == 0 {
		return nil
	}
	metrics := &metricsv1beta1.PodMetrics{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, CreationTimestamp: metav1.Now()},
	}
	for _, container := range measured.Containers {
		usage, at, ok := used(container.CPU, container.Memory)
		if !ok {
			return nil
		}
		metrics.Timestamp = at
		metrics.Containers = append(metrics.Containers, metricsv1beta1.ContainerMetrics{Name: container.Name, Usage: usage})
	}
	return metrics
}

// used is what CPU and memory statistics say, if they say anything. They do not say over how long they were taken.
func used(cpu *statsapi.CPUStats, memory *statsapi.MemoryStats) (usage corev1.ResourceList, at metav1.Time, ok bool) {
	if cpu == nil || cpu.UsageNanoCores == nil || memory == nil || memory.WorkingSetBytes == nil {
		return nil, at, false
	}
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewScaledQuantity(int64(*cpu.UsageNanoCores), resource.Nano),   //nolint:gosec // below 9 billion cores
		corev1.ResourceMemory: *resource.NewQuantity(int64(*memory.WorkingSetBytes), resource.BinarySI), //nolint:gosec // below 8 EiB
	}, cpu.Time, true
}

// answer is what one node said.
type answer struct {
	node    *corev1.Node
	summary *statsapi.Summary
}

// summaries asks all nodes, or the one of that name, at the same time. A node that does not answer is left out.
func (k *Client) summaries(ctx context.Context, name string) []answer {
	var (
		mu      sync.Mutex
		asking  sync.WaitGroup
		answers []answer
	)
	for _, node := range auth.List[*corev1.Node](k.nodes, schema.GroupResource{Resource: "nodes"}, "") {
		if name != "" && node.Name != name {
			continue
		}
		asking.Go(func() {
			summary, err := k.summary(ctx, node.Name)
			if err != nil {
				log.FromContext(ctx).Info("Asking a node for its statistics failed", "node", node.Name, "error", err.Error())
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, answer{node: node, summary: summary})
		})
	}
	asking.Wait()
	return answers
}

func (k *Client) summary(ctx context.Context, node string) (*statsapi.Summary, error) {
	connection, err := k.Node(ctx, node)
	if err != nil {
		return nil, err
	}
	url := connection.URL.JoinPath("stats", "summary")
	url.RawQuery = "only_cpu_and_memory=true"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := connection.Transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url.Redacted(), response.Status)
	}
	summary, err := stats.Decode(io.LimitReader(response.Body, maxSummary))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the statistics of node %s", node), err)
	}
	return summary, nil
}
