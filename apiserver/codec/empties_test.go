package codec

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// An empty list is answered as it will be read, which is null.
func TestEmptyListsComeBackAsNull(t *testing.T) {
	for _, obj := range []runtime.Object{
		&rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{}},
		&rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{Verbs: []string{}}}},
		&corev1.Pod{Spec: corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{}}}}}}},
		&corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{}}},
	} {
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: "g", Version: "v", Kind: "K"})
		stored, err := EncodeStored(obj)
		if err != nil {
			t.Fatal(err)
		}
		read := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(runtime.Object)
		if _, err := DecodeStored(stored, read); err != nil {
			t.Fatal(err)
		}
		read.GetObjectKind().SetGroupVersionKind(obj.GetObjectKind().GroupVersionKind())
		EmptiesOf(reflect.TypeOf(obj)).Drop(obj)
		if diff := cmp.Diff(read, obj); diff != "" {
			t.Errorf("%T (-read +answered)\n%s", obj, diff)
		}
	}
}

func TestEmptiesOfWhatHasNone(t *testing.T) {
	if e := EmptiesOf(reflect.TypeFor[*corev1.ConfigMap]()); e != nil {
		t.Errorf("a ConfigMap has %v", e)
	}
}
