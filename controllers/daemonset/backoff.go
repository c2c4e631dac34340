package daemonset

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Bounds of the delay with which pods that end at once are replaced.
const (
	firstDelay = time.Second
	maxDelay   = 15 * time.Minute
)

// hold takes the ended pods out of a plan whose nodes have had one replaced a short time
// ago: each time doubles the wait.
func hold(failures *flowcontrol.Backoff, set *appsv1.DaemonSet, p *plan, now time.Time) {
	var replaced []*corev1.Pod
	for _, pod := range p.ended {
		key := string(set.UID) + "/" + nodeOf(pod)
		if failures.IsInBackOffSinceUpdate(key, now) {
			p.remove = slices.DeleteFunc(p.remove, func(other *corev1.Pod) bool { return other == pod })
			p.wait = kit.Sooner(p.wait, failures.Get(key))
			continue
		}
		failures.Next(key, now)
		replaced = append(replaced, pod)
	}
	p.ended = replaced
	failures.GC()
}
