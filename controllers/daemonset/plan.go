package daemonset

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

// plan is what a look at a daemon set comes to.
type plan struct {
	create []string // names of nodes
	remove []*corev1.Pod
	ended  []*corev1.Pod // those of remove that failed or finished by themselves
	status appsv1.DaemonSetStatus
	wait   time.Duration
}

// look is what a plan is made from.
type look struct {
	set    *appsv1.DaemonSet
	hash   string // of the current revision
	nodes  []*corev1.Node
	onNode map[string][]*corev1.Pod
	now    time.Time
}

func newLook(set *appsv1.DaemonSet, hash string, nodes []*corev1.Node, pods []*corev1.Pod, now time.Time) *look {
	l := &look{set: set, hash: hash, nodes: nodes, onNode: map[string][]*corev1.Pod{}, now: now}
	for _, pod := range pods {
		name := nodeOf(pod)
		l.onNode[name] = append(l.onNode[name], pod)
	}
	for _, pods := range l.onNode {
		slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
	}
	return l
}

// makePlan says which pods to create and delete, and computes the status.
func (l *look) makePlan() plan {
	var p plan
	known := map[string]bool{}
	for _, node := range l.nodes {
		known[node.Name] = true
		l.placeOn(node, &p)
	}
	for name, pods := range l.onNode {
		if known[name] || name == "" {
			continue
		}
		for _, pod := range pods { // the pods of nodes that are gone before they got there
			if pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
				p.remove = append(p.remove, pod)
			}
		}
	}
	if l.set.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && len(p.create)+len(p.remove) == 0 {
		l.roll(&p)
	}
	p.status, p.wait = l.status()
	return p
}

// placeOn brings one node to one pod: failed ones go, surplus ones go, a missing one is
// created. Two stay while one replaces the other with surge.
func (l *look) placeOn(node *corev1.Node, p *plan) {
	start, stay := fits(&l.set.Spec.Template.Spec, node)
	pods := l.onNode[node.Name]
	if !stay {
		for _, pod := range pods {
			if pod.DeletionTimestamp == nil {
				p.remove = append(p.remove, pod)
			}
		}
		return
	}
	var running []*corev1.Pod
	deleting := 0
	for _, pod := range pods {
		switch {
		case pod.DeletionTimestamp != nil:
			deleting++
		case podcontrol.IsFinished(pod):
			p.remove, p.ended = append(p.remove, pod), append(p.ended, pod)
		default:
			running = append(running, pod)
		}
	}
	surge, _ := l.limits()
	switch {
	case len(running) == 0 && start && (deleting == 0 || surge > 0):
		p.create = append(p.create, node.Name)
	case len(running) > 1:
		p.remove = append(p.remove, l.surplus(running, surge > 0)...)
	}
}

// surplus is all but the oldest pod, or with surge all but the newest updated pod and,
// until that is available, the oldest.
func (l *look) surplus(running []*corev1.Pod, surge bool) []*corev1.Pod {
	if !surge {
		return running[1:]
	}
	var updated *corev1.Pod
	for _, pod := range running {
		if l.updated(pod) && updated == nil {
			updated = pod
		}
	}
	if updated == nil {
		return running[1:]
	}
	var out []*corev1.Pod
	keptOld := false
	for _, pod := range running {
		switch {
		case pod == updated:
		case !l.updated(pod) && !keptOld && !l.available(updated) && l.available(pod):
			keptOld = true
		default:
			out = append(out, pod)
		}
	}
	return out
}

// roll replaces pods of older revisions, as many as the limits allow at a time.
func (l *look) roll(p *plan) {
	surge, unavailable := l.limits()
	down, surging := 0, 0
	var candidates, alreadyDown []*corev1.Pod
	for _, node := range l.nodes {
		if start, _ := fits(&l.set.Spec.Template.Spec, node); !start {
			continue
		}
		current, old := l.onNodeByAge(node.Name)
		switch {
		case current == nil && old == nil:
			down++
		case current != nil && old != nil:
			surging++
		case old != nil && !l.available(old):
			down++
			alreadyDown = append(alreadyDown, old)
		case old != nil:
			candidates = append(candidates, old)
		case !l.available(current):
			down++
		}
	}
	if surge > 0 {
		for _, pod := range append(alreadyDown, candidates...) {
			if surging < surge {
				p.create = append(p.create, nodeOf(pod))
				surging++
			}
		}
		return
	}
	p.remove = append(p.remove, alreadyDown...)
	for _, pod := range candidates {
		if down < unavailable {
			p.remove = append(p.remove, pod)
			down++
		}
	}
}

// onNodeByAge returns a node's running pod of the current revision and one of an older.
func (l *look) onNodeByAge(node string) (current, old *corev1.Pod) {
	for _, pod := range l.onNode[node] {
		switch {
		case !podcontrol.IsActive(pod):
		case l.updated(pod):
			current = pod
		default:
			old = pod
		}
	}
	return current, old
}

func (l *look) updated(pod *corev1.Pod) bool {
	return l.hash != "" && pod.Labels[revision.HashLabel] == l.hash
}

func (l *look) available(pod *corev1.Pod) bool {
	return podcontrol.IsAvailable(pod, l.set.Spec.MinReadySeconds, l.now)
}

// limits are how many pods may be too many and how many may be missing during an update.
func (l *look) limits() (surge, unavailable int) {
	rolling := l.set.Spec.UpdateStrategy.RollingUpdate
	if l.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType || rolling == nil {
		return 0, 1
	}
	desired := 0
	for _, node := range l.nodes {
		if start, _ := fits(&l.set.Spec.Template.Spec, node); start {
			desired++
		}
	}
	scaled := func(limit *intstr.IntOrString, fallback int) int {
		n, err := intstr.GetScaledValueFromIntOrPercent(ptr.To(ptr.Deref(limit, intstr.FromInt32(int32(fallback)))), desired, true)
		if err != nil {
			return fallback
		}
		return max(n, 0)
	}
	surge, unavailable = scaled(rolling.MaxSurge, 0), scaled(rolling.MaxUnavailable, 1)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, unavailable
}

func (l *look) status() (appsv1.DaemonSetStatus, time.Duration) {
	status := appsv1.DaemonSetStatus{
		ObservedGeneration: l.set.Generation, CollisionCount: l.set.Status.CollisionCount, Conditions: l.set.Status.Conditions,
	}
	wait := time.Duration(0)
	for _, node := range l.nodes {
		start, _ := fits(&l.set.Spec.Template.Spec, node)
		pods := slices.DeleteFunc(slices.Clone(l.onNode[node.Name]), func(pod *corev1.Pod) bool { return pod.DeletionTimestamp != nil })
		if !start {
			if len(pods) > 0 {
				status.NumberMisscheduled++
			}
			continue
		}
		status.DesiredNumberScheduled++
		if len(pods) == 0 {
			continue
		}
		status.CurrentNumberScheduled++
		pod := pods[len(pods)-1]
		if l.updated(pod) {
			status.UpdatedNumberScheduled++
		}
		ready := slices.ContainsFunc(pods, podcontrol.IsReady)
		available := slices.ContainsFunc(pods, l.available)
		if ready {
			status.NumberReady++
		}
		if available {
			status.NumberAvailable++
		}
		for _, pod := range pods {
			left, _ := podcontrol.AvailableIn(pod, l.set.Spec.MinReadySeconds, l.now)
			wait = kit.Sooner(wait, left)
		}
	}
	status.NumberUnavailable = status.DesiredNumberScheduled - status.NumberAvailable
	return status, wait
}
