package scheduler

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// memory is an API that holds nothing and accepts bindings and statuses at once.
type memory struct {
	client.Client
	bound chan *corev1.Pod
}

func (m *memory) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, "")
}

func (m *memory) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func (m *memory) Delete(context.Context, client.Object, ...client.DeleteOption) error { return nil }

func (m *memory) SubResource(string) client.SubResourceClient { return subresource{m: m} }

func (m *memory) Status() client.SubResourceWriter { return subresource{m: m} }

type subresource struct {
	client.SubResourceClient
	m *memory
}

func (s subresource) Create(_ context.Context, obj, binding client.Object, _ ...client.SubResourceCreateOption) error {
	pod := *obj.(*corev1.Pod)
	pod.Spec.NodeName = binding.(*corev1.Binding).Target.Name
	s.m.bound <- &pod
	return nil
}

func (s subresource) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return nil
}

// quietRecorder drops what it is told.
type quietRecorder struct{ events.EventRecorderLogger }

func (quietRecorder) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {} //nolint:revive // the parameters are those of the interface

// workload makes the pods of a benchmark.
type workload struct {
	name string
	pod  func(i int) *corev1.Pod
}

func benchPod(i int, change func(*corev1.Pod)) *corev1.Pod {
	name := fmt.Sprint("p", i)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Generation: 1, Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{{
			Name: "main", Image: "registry.k8s.io/pause:3.10",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("500Mi")}},
		}}},
	}
	if change != nil {
		change(p)
	}
	return p
}

func workloads() []workload {
	web := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	spread := func(action corev1.UnsatisfiableConstraintAction) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 5, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: action, LabelSelector: web}}
		}
	}
	term := func(key string) corev1.PodAffinityTerm {
		return corev1.PodAffinityTerm{TopologyKey: key, LabelSelector: web}
	}
	return []workload{
		{"Basic", func(i int) *corev1.Pod { return benchPod(i, nil) }},
		{"Mixed", func(i int) *corev1.Pod {
			return benchPod(i, func(p *corev1.Pod) { p.Labels["app"] = fmt.Sprint("app", i%10) })
		}},
		{"TopologySpreading", func(i int) *corev1.Pod { return benchPod(i, spread(corev1.DoNotSchedule)) }},
		{"PreferredTopologySpreading", func(i int) *corev1.Pod { return benchPod(i, spread(corev1.ScheduleAnyway)) }},
		{"PodAffinity", func(i int) *corev1.Pod {
			return benchPod(i, func(p *corev1.Pod) {
				p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term(corev1.LabelTopologyZone)}}}
			})
		}},
		{"PodAntiAffinity", func(i int) *corev1.Pod {
			return benchPod(i, func(p *corev1.Pod) {
				p.Labels["app"] = fmt.Sprint("app", i%5)
				t := corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": p.Labels["app"]}}}
				p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{t}}}
			})
		}},
		{"PreferredPodAffinity", func(i int) *corev1.Pod {
			return benchPod(i, func(p *corev1.Pod) {
				p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term(corev1.LabelHostname)}}}}
			})
		}},
	}
}

// BenchmarkSchedule schedules pods on empty nodes, as fast as an API would take the bindings that needs no time.
func BenchmarkSchedule(b *testing.B) {
	for _, nodes := range []int{1000, 5000} {
		for _, w := range workloads() {
			b.Run(fmt.Sprintf("%s/%d", w.name, nodes), func(b *testing.B) { benchmark(b, nodes, w) })
		}
	}
}

func benchmark(b *testing.B, nodes int, w workload) {
	ctx := b.Context()
	api := &memory{bound: make(chan *corev1.Pod, b.N)}
	s := &Scheduler{Client: api, Recorder: func(string) events.EventRecorderLogger { return quietRecorder{} }, Clock: clock.RealClock{}}
	if err := s.init(ctx); err != nil {
		b.Fatal(err)
	}
	for i := range nodes {
		s.nodeAdded(benchNode(i))
	}
	for i := range b.N {
		s.podChanged(ctx, nil, w.pod(i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		s.scheduleOne(ctx, s.queue.Pop(ctx))
		for len(api.bound) > 0 {
			p := <-api.bound
			old := *p
			old.Spec.NodeName = ""
			s.podChanged(ctx, &old, p)
		}
	}
	s.binding.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pods/s")
}

func benchNode(i int) *corev1.Node {
	name := fmt.Sprint("node-", i)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprint("zone-", i%5)}}}
	n.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("110")}
	for image := range 10 {
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{fmt.Sprint("registry.k8s.io/other:", image)}, SizeBytes: 100 << 20})
	}
	return n
}

// BenchmarkPreempt has each pod evict others of full nodes.
func BenchmarkPreempt(b *testing.B) {
	ctx := b.Context()
	api := &memory{bound: make(chan *corev1.Pod, 1)}
	s := &Scheduler{Client: api, Recorder: func(string) events.EventRecorderLogger { return quietRecorder{} }, Clock: clock.RealClock{}}
	if err := s.init(ctx); err != nil {
		b.Fatal(err)
	}
	for i := range 5000 {
		n := benchNode(i)
		s.nodeAdded(n)
		for k := range 4 {
			p := benchPod(i*4+k, func(p *corev1.Pod) {
				p.Name, p.Spec.NodeName = "low-"+p.Name, n.Name
				p.UID = types.UID(p.Name)
				p.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("8")
			})
			s.podChanged(ctx, nil, p)
		}
	}
	priority := int32(100)
	for i := range b.N {
		s.podChanged(ctx, nil, benchPod(i, func(p *corev1.Pod) {
			p.Spec.Priority = &priority
			p.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("3")
		}))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		s.scheduleOne(ctx, s.queue.Pop(ctx))
	}
	s.binding.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pods/s")
}
