package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

// usualTolerations are what the DefaultTolerationSeconds plugin gives to pods without tolerations of their own.
var usualTolerations = []corev1.Toleration{usualToleration(corev1.TaintNodeNotReady), usualToleration(corev1.TaintNodeUnreachable)}

func usualToleration(taint string) corev1.Toleration {
	return corev1.Toleration{Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)}
}

// share lets a pod have from one place in memory what nearly every pod has: half of the pieces that it is made of.
func share(p *corev1.Pod) {
	for i := range p.Spec.Volumes {
		volumes.Share(&p.Spec.Volumes[i].VolumeSource)
	}
	if slices.EqualFunc(p.Spec.Tolerations, usualTolerations, isSameToleration) {
		p.Spec.Tolerations = slices.Clip(usualTolerations)
	}
}

func isSameToleration(a, b corev1.Toleration) bool {
	return a.Key == b.Key && a.Operator == b.Operator && a.Value == b.Value && a.Effect == b.Effect && ptr.Equal(a.TolerationSeconds, b.TolerationSeconds)
}
