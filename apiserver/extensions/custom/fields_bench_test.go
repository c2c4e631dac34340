package custom

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// BenchmarkFields applies to an object whose specification has 30 fields, and updates it, by a plan and by structured-merge-diff.
func BenchmarkFields(b *testing.B) {
	var properties []string
	spec := map[string]any{}
	for i := range 30 {
		name := fmt.Sprintf("field%d", i)
		properties, spec[name] = append(properties, fmt.Sprintf(`%q:{"type":"string"}`, name)), "value"
	}
	v := versionOf(b, `{"type":"object","properties":{"spec":{"type":"object","properties":{`+strings.Join(properties, ",")+`}}}}`)
	row := v.Row()
	blank := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing"}}
	obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": map[string]any{"name": "it", "labels": map[string]any{"a": "b"}}, "spec": spec}}
	for name, by := range map[string]fieldmanager.Reference{"plan": v, "trees": byTrees{v}} {
		created, err := by.Update(row, v.kind, blank, obj.DeepCopy(), "creator", "")
		if err != nil {
			b.Fatal(err)
		}
		created.SetUID("1")
		for what, text := range map[string]string{
			"label": `{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"labels":{"applied":"%d"}}}`,
			"field": `{"apiVersion":"example.com/v1","kind":"Thing","spec":{"field3":"%d"}}`,
		} {
			b.Run(what+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				live := created
				for i := 0; b.Loop(); i++ {
					if live, err = by.Apply(row, v.kind, live, fieldmanager.Configuration{Data: fmt.Appendf(nil, text, i), Manager: "applier", Force: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run("update/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				next := created.(*unstructured.Unstructured).DeepCopy()
				_ = unstructured.SetNestedField(next.Object, fmt.Sprint(i), "spec", "field3")
				if _, err := by.Update(row, v.kind, created, next, "updater", ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
