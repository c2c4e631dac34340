package fieldmanager

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func benchmarkApply(b *testing.B, g *Generic) {
	row := resource.Find(apis.All(), "", "pods")
	kind := row.GroupVersionKind("v1")
	m := New(g.Scheme)
	pod := readPod(b)
	created, err := m.Update(row, kind, &corev1.Pod{TypeMeta: pod.TypeMeta}, pod, "creator", "")
	if err != nil {
		b.Fatal(err)
	}
	created.SetUID("1")
	live, err := m.Update(row, kind, created, ready(created.(*corev1.Pod)), "kubelet", "status")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := range b.N {
		data := fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"%d"}}}`, i)
		if live, err = g.Apply(row, kind, live, Configuration{Data: data, Manager: "applier", Force: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) { benchmarkApply(b, &Generic{Scheme: apis.NewScheme()}) }
func BenchmarkApplyToWhole(b *testing.B) {
	benchmarkApply(b, &Generic{Scheme: apis.NewScheme(), whole: true})
}
