package tainteviction

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestTolerance(t *testing.T) {
	gone := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
	other := corev1.Taint{Key: "other", Value: "x", Effect: corev1.TaintEffectNoExecute}
	for300 := corev1.Toleration{Key: gone.Key, Operator: corev1.TolerationOpExists, Effect: gone.Effect, TolerationSeconds: ptr.To[int64](300)}
	for10 := corev1.Toleration{Key: "other", Value: "x", TolerationSeconds: ptr.To[int64](10)}
	ever := corev1.Toleration{Operator: corev1.TolerationOpExists}
	for _, c := range []struct {
		why         string
		taints      []corev1.Taint
		tolerations []corev1.Toleration
		want        time.Duration
		wantLimited bool
	}{
		{"no taints, no limit", nil, nil, 0, false},
		{"not tolerated, at once", []corev1.Taint{gone}, nil, 0, true},
		{"for a while", []corev1.Taint{gone}, []corev1.Toleration{for300}, 5 * time.Minute, true},
		{"for ever", []corev1.Taint{gone, other}, []corev1.Toleration{ever}, 0, false},
		{"the shortest counts", []corev1.Taint{gone, other}, []corev1.Toleration{for300, for10}, 10 * time.Second, true},
		{"one of two not tolerated", []corev1.Taint{gone, other}, []corev1.Toleration{for300}, 0, true},
	} {
		got, limited := tolerance(c.taints, c.tolerations)
		if got != c.want || limited != c.wantLimited {
			t.Errorf("%s: got %s, %v; want %s, %v", c.why, got, limited, c.want, c.wantLimited)
		}
	}
}
