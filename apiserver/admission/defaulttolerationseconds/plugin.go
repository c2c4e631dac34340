package defaulttolerationseconds

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// defaultSeconds is how long a pod stays unless it says otherwise.
const defaultSeconds = 300

var pods = schema.GroupResource{Resource: "pods"}

// Plugin is DefaultTolerationSeconds.
type Plugin struct {
	// NotReadySeconds and UnreachableSeconds; 0 means defaultSeconds.
	NotReadySeconds, UnreachableSeconds int64
}

// Admit adds the two tolerations to pods that have no word on these taints. An update may leave them out without taking
// them away: they come back before anybody compares the tolerations, which may only grow.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create, admission.Update) {
		return nil
	}
	p.tolerate(pod, corev1.TaintNodeNotReady, p.NotReadySeconds)
	p.tolerate(pod, corev1.TaintNodeUnreachable, p.UnreachableSeconds)
	return nil
}

func (p *Plugin) tolerate(pod *corev1.Pod, taint string, seconds int64) {
	for _, t := range pod.Spec.Tolerations {
		if (t.Key == taint || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "") {
			return
		}
	}
	if seconds == 0 {
		seconds = defaultSeconds
	}
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
		Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
	})
}
