package defaultpreemption

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// extended asks the extenders about the candidates: they take some away, and may want other victims.
func extended(handle fwk.Handle, pod *corev1.Pod, candidates []candidate) ([]candidate, error) {
	for _, e := range handle.Extenders() {
		if len(candidates) == 0 {
			break
		}
		if !e.SupportsPreemption() || !e.IsInterested(pod) {
			continue
		}
		chosen, err := e.ProcessPreemption(pod, victimsOf(candidates), handle.SnapshotSharedLister().NodeInfos())
		if err != nil && e.IsIgnorable() {
			continue
		}
		if err != nil {
			return nil, err
		}
		var rest []candidate
		for _, c := range candidates {
			v, ok := chosen[c.node]
			if !ok || len(v.Pods) == 0 {
				continue
			}
			node, err := handle.SnapshotSharedLister().NodeInfos().Get(c.node)
			if err != nil {
				return nil, err
			}
			rest = append(rest, c.with(v, node))
		}
		candidates = rest
	}
	return candidates, nil
}

// victimsOf is how extenders are told of candidates: by node.
func victimsOf(candidates []candidate) map[string]*extenderv1.Victims {
	all := map[string]*extenderv1.Victims{}
	for _, c := range candidates {
		v := &extenderv1.Victims{NumPDBViolations: int64(c.violations)}
		for _, info := range c.victims {
			v.Pods = append(v.Pods, info.GetPod())
		}
		all[c.node] = v
	}
	return all
}

// with is the candidate with the victims that an extender wants, as far as they are on the node still.
func (c candidate) with(wanted *extenderv1.Victims, node fwk.NodeInfo) candidate {
	c.violations, c.victims = int(wanted.NumPDBViolations), nil
	for _, info := range node.GetPods() {
		if slices.ContainsFunc(wanted.Pods, func(victim *corev1.Pod) bool { return victim.UID == info.GetPod().UID }) {
			c.victims = append(c.victims, info)
		}
	}
	slices.SortStableFunc(c.victims, func(a, b fwk.PodInfo) int { return int(priority(b)) - int(priority(a)) })
	return c
}
