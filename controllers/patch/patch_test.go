package patch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// writer notes the patch that it is sent.
type writer struct {
	client.Client
	target client.Object
	body   []byte
}

func (w *writer) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) (err error) {
	w.target = o
	w.body, err = p.Data(o)
	return err
}

// node is one like those of a machine that has run for a while.
func node() *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", UID: "u", ResourceVersion: "7", Annotations: map[string]string{"a": "b"}}}
	n.Spec.Taints = []corev1.Taint{{Key: "t", Effect: corev1.TaintEffectNoSchedule}}
	for i := range 50 {
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{fmt.Sprintf("registry.example/image-%d:v1", i)}, SizeBytes: 1})
	}
	return n
}

func TestMergeSendsTheChangeAlone(t *testing.T) {
	for name, test := range map[string]struct {
		change patch.Change
		want   string
	}{
		"annotation":    {patch.Change{Annotations: map[string]string{"c": "d"}}, `{"metadata":{"uid":"u","annotations":{"c":"d"}}}`},
		"locked":        {patch.Change{Spec: map[string]any{"podCIDR": "10.0.0.0/24"}, Locked: true}, `{"metadata":{"uid":"u","resourceVersion":"7"},"spec":{"podCIDR":"10.0.0.0/24"}}`},
		"no taint left": {patch.Change{Spec: map[string]any{"taints": []corev1.Taint(nil)}}, `{"metadata":{"uid":"u"},"spec":{"taints":null}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w, n := &writer{}, node()
			if err := patch.Merge(context.Background(), w, n, test.change); err != nil {
				t.Fatal(err)
			}
			if !json.Valid(w.body) {
				t.Errorf("%s is not JSON", w.body)
			}
			if diff := cmp.Diff(test.want, string(w.body)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if w.target == client.Object(n) || w.target.GetName() != "n" {
				t.Errorf("the answer goes to %p, %q", w.target, w.target.GetName())
			}
			if diff := cmp.Diff(node(), n); diff != "" {
				t.Errorf("the object was changed: %s", diff)
			}
		})
	}
}

// What a patch costs before it is sent.
func BenchmarkPatch(b *testing.B) {
	ctx, n, w := context.Background(), node(), &writer{}
	b.Run("Metadata", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := patch.Metadata(ctx, w, n, func(n *corev1.Node) { n.Spec.Taints = nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Merge", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := patch.Merge(ctx, w, n, patch.Change{Spec: map[string]any{"taints": nil}, Locked: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
