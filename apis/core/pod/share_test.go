package pod

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

// What is shared reads as before, and what differs from the usual in the least is not shared.
func TestShare(t *testing.T) {
	usual := func() *corev1.Pod {
		tolerations := []corev1.Toleration{usualToleration(corev1.TaintNodeNotReady), usualToleration(corev1.TaintNodeUnreachable)}
		return &corev1.Pod{Spec: corev1.PodSpec{Tolerations: tolerations, Volumes: []corev1.Volume{{Name: "kube-api-access-x", VolumeSource: volumes.APIAccess()}}}}
	}
	for name, test := range map[string]struct {
		change              func(*corev1.Pod)
		tolerations, access bool
	}{
		"as nearly all":       {func(*corev1.Pod) {}, true, true},
		"another time":        {func(p *corev1.Pod) { p.Spec.Tolerations[1].TolerationSeconds = ptr.To[int64](30) }, false, true},
		"one toleration":      {func(p *corev1.Pod) { p.Spec.Tolerations = p.Spec.Tolerations[:1] }, false, true},
		"a toleration more":   {func(p *corev1.Pod) { p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{}) }, false, true},
		"of another audience": {func(p *corev1.Pod) { p.Spec.Volumes[0].Projected.Sources[0].ServiceAccountToken.Audience = "a" }, true, false},
	} {
		a, b, want := usual(), usual(), usual()
		for _, p := range []*corev1.Pod{a, b, want} {
			test.change(p)
		}
		share(a)
		share(b)
		if !equality.Semantic.DeepEqual(a, want) {
			t.Errorf("%s: it has changed", name)
		}
		if got := &a.Spec.Tolerations[0] == &b.Spec.Tolerations[0]; got != test.tolerations {
			t.Errorf("%s: the tolerations are one in memory: %t", name, got)
		}
		if got := a.Spec.Volumes[0].Projected == b.Spec.Volumes[0].Projected; got != test.access {
			t.Errorf("%s: the volumes are one in memory: %t", name, got)
		}
		if p := append(a.Spec.Tolerations, corev1.Toleration{Key: "new"}); test.tolerations && (len(p) != 3 || len(usualTolerations) != 2 || cap(a.Spec.Tolerations) != 2) {
			t.Errorf("%s: who appends writes into what is shared", name)
		}
	}
}
