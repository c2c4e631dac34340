package fieldmanager

import (
	"os"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
)

func readPod(t testing.TB) *corev1.Pod {
	t.Helper()
	data, err := os.ReadFile("testdata/pod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict(data, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func ready(pod *corev1.Pod) *corev1.Pod {
	running := pod.DeepCopy()
	running.Status.Phase = corev1.PodRunning
	running.Status.PodIP = "10.42.0.7"
	running.Status.PodIPs = []corev1.PodIP{{IP: "10.42.0.7"}}
	for _, kind := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady, corev1.PodInitialized} {
		running.Status.Conditions = append(running.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
	}
	running.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "web", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}}
	return running
}

type updater interface {
	Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error)
}

func benchmark(b *testing.B, m updater) {
	row := resource.Find(apis.All(), "", "pods")
	kind := row.GroupVersionKind("v1")
	update := func(b *testing.B, live, obj *corev1.Pod, manager, sub string) *corev1.Pod {
		got, err := m.Update(row, kind, live, obj, manager, sub)
		if err != nil {
			b.Fatal(err)
		}
		return got.(*corev1.Pod)
	}
	pod := readPod(b)
	empty := &corev1.Pod{TypeMeta: pod.TypeMeta}
	created := update(b, empty, pod.DeepCopy(), "kube-controller-manager", "")
	created.UID = "1"
	running := ready(created)
	managed := update(b, created, running.DeepCopy(), "kubelet", "status")
	later := managed.DeepCopy()
	later.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(1, 0))
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			update(b, empty, pod, "kube-controller-manager", "")
			pod.ManagedFields = nil
		}
	})
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		fields := later.ManagedFields
		for b.Loop() {
			later.ManagedFields = fields
			update(b, managed, later, "kubelet", "status")
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		fields := managed.ManagedFields
		same := managed.DeepCopy()
		for b.Loop() {
			same.ManagedFields = fields
			update(b, managed, same, "kubelet", "status")
		}
	})
}

func BenchmarkPlan(b *testing.B)      { benchmark(b, New(apis.NewScheme())) }
func BenchmarkReference(b *testing.B) { benchmark(b, &Generic{Scheme: apis.NewScheme()}) }
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := (&merge.Planner{}).ForType(reflect.TypeFor[corev1.Pod]()); err != nil {
			b.Fatal(err)
		}
	}
}
