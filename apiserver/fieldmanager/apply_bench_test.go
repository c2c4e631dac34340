package fieldmanager

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

type applier interface {
	Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted Configuration) (resource.Object, error)
}

func benchmarkApply(b *testing.B, a applier) {
	row := resource.Find(apis.All(), "", "pods")
	kind := row.GroupVersionKind("v1")
	m := New(apis.NewScheme())
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
	for what, text := range map[string]string{
		"labels":  `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"%d"}}}`,
		"removal": `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied-%d":""}}}`,
		"nothing": `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"x"}}}`,
		"containers": `{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"web","image":"x:%d","env":[{"name":"A","value":"b"}],` +
			`"ports":[{"containerPort":80}],"resources":{"requests":{"cpu":"100m"}}}]}}`,
	} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			live := live
			for i := 0; b.Loop(); i++ {
				data := []byte(text)
				if strings.Contains(text, "%d") {
					data = fmt.Appendf(nil, text, i)
				}
				if live, err = a.Apply(row, kind, live, Configuration{Data: data, Manager: "applier", Force: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B)          { benchmarkApply(b, New(apis.NewScheme())) }
func BenchmarkApplyReference(b *testing.B) { benchmarkApply(b, &Generic{Scheme: apis.NewScheme()}) }
