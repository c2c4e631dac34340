package tainteviction

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// tolerance says how long pods with these tolerations stay under these taints: false
// means for ever. Of several times the shortest counts.
func tolerance(taints []corev1.Taint, tolerations []corev1.Toleration) (time.Duration, bool) {
	limited := false
	shortest := time.Duration(0)
	for i := range taints {
		tolerated := false
		for j := range tolerations {
			if !tolerations[j].ToleratesTaint(klog.Background(), &taints[i], true) {
				continue
			}
			tolerated = true
			if seconds := tolerations[j].TolerationSeconds; seconds != nil {
				wait := time.Duration(max(*seconds, 0)) * time.Second
				if !limited || wait < shortest {
					limited, shortest = true, wait
				}
			}
		}
		if !tolerated {
			return 0, true
		}
	}
	return shortest, limited
}

// noExecute are the taints of a node that pods are evicted for.
func noExecute(node *corev1.Node) []corev1.Taint {
	var out []corev1.Taint
	for _, taint := range node.Spec.Taints {
		if taint.Effect == corev1.TaintEffectNoExecute {
			out = append(out, taint)
		}
	}
	return out
}
