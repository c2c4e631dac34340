package extender

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// ProcessPreemption implements fwk.Extender: it takes away nodes, and changes victims on others, of those given by node.
func (e *Extender) ProcessPreemption(pod *corev1.Pod, victims map[string]*extenderv1.Victims, nodes fwk.NodeInfoLister) (map[string]*extenderv1.Victims, error) {
	args := &extenderv1.ExtenderPreemptionArgs{Pod: pod}
	if e.config.NodeCacheCapable {
		args.NodeNameToMetaVictims = map[string]*extenderv1.MetaVictims{}
		for node, v := range victims {
			args.NodeNameToMetaVictims[node] = metaOf(v)
		}
	} else {
		args.NodeNameToVictims = victims
	}
	var result extenderv1.ExtenderPreemptionResult
	if err := e.call(e.config.PreemptVerb, args, &result); err != nil {
		return nil, err
	}
	chosen := map[string]*extenderv1.Victims{}
	for name, meta := range result.NodeNameToMetaVictims {
		node, err := nodes.Get(name)
		if err != nil {
			return nil, fmt.Errorf("extender %s wants victims on a node that is not there: %w", e.Name(), err)
		}
		if meta == nil {
			return nil, fmt.Errorf("extender %s names no victims on node %s", e.Name(), name)
		}
		v := &extenderv1.Victims{NumPDBViolations: meta.NumPDBViolations}
		for _, victim := range meta.Pods {
			if victim == nil {
				return nil, fmt.Errorf("extender %s names a victim without UID on node %s", e.Name(), name)
			}
			pod := podOn(node, victim.UID)
			if pod == nil {
				return nil, fmt.Errorf("extender: %v claims to preempt pod (UID: %v) on node: %v, but the pod is not found on that node", e.Name(), victim.UID, name)
			}
			v.Pods = append(v.Pods, pod)
		}
		chosen[name] = v
	}
	return chosen, nil
}

func metaOf(v *extenderv1.Victims) *extenderv1.MetaVictims {
	meta := &extenderv1.MetaVictims{NumPDBViolations: v.NumPDBViolations}
	for _, pod := range v.Pods {
		meta.Pods = append(meta.Pods, &extenderv1.MetaPod{UID: string(pod.UID)})
	}
	return meta
}

func podOn(node fwk.NodeInfo, uid string) *corev1.Pod {
	for _, info := range node.GetPods() {
		if pod := info.GetPod(); string(pod.UID) == uid {
			return pod
		}
	}
	return nil
}
