package garbagecollector

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over, in whatever order it comes and goes.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		api := fill.NewClient(clientgoscheme.Scheme)
		c := &Controller{Client: api, Live: api, Recorder: &record.FakeRecorder{}, graph: newGraph(), unresolved: map[types.UID]struct{}{}}
		for _, object := range fuzzing.List[metav1.PartialObjectMetadata](fill, 12) {
			for i := range object.OwnerReferences {
				if ref := &object.OwnerReferences[i]; i%2 == 0 {
					ref.APIVersion, ref.Kind = "v1", "Node"
				}
			}
			n := nodeOf(corev1.SchemeGroupVersion.WithKind("Pod"), object)
			look := c.graph.observe(n)
			if object.Generation == 1 {
				look = append(look, c.graph.remove(n.uid, n.identity)...)
			}
			for _, uid := range append(look, n.uid) {
				_, _ = c.Reconcile(t.Context(), uid)
			}
		}
		for _, uid := range append(c.takeUnresolved(), c.graph.forgetKind(schema.GroupVersionKind{Version: "v1", Kind: "Pod"})...) {
			_, _ = c.Reconcile(t.Context(), uid)
		}
	})
}
