package podtopologyspread

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// constraint is one constraint of a pod.
type constraint struct {
	key                 string
	maxSkew, minDomains int
	self                int // 1 if the pod counts itself
	set                 state.PodSet
	selector            labels.Selector
	// affinity and tolerations limit the nodes that count; nil where they do not.
	affinity    *nodeaffinity.RequiredNodeAffinity
	tolerations []corev1.Toleration
	honorTaints bool
}

// includes says whether pods on the node count.
func (c *constraint) includes(node *corev1.Node) bool {
	if c.affinity != nil {
		if match, err := c.affinity.Match(node); err != nil || !match {
			return false
		}
	}
	if c.honorTaints && len(node.Spec.Taints) > 0 {
		hard := func(taint *corev1.Taint) bool {
			return taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute
		}
		_, found := corev1helpers.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, c.tolerations, hard, false)
		return !found
	}
	return true
}

func (c *constraint) includesAll() bool { return c.affinity == nil && !c.honorTaints }

// constraints of the pod that say what to do like that, or the default ones.
func (p *Plugin) constraints(ctx context.Context, pod *corev1.Pod, action corev1.UnsatisfiableConstraintAction) ([]constraint, error) {
	if len(pod.Spec.TopologySpreadConstraints) == 0 {
		return p.defaults(ctx, pod, action)
	}
	var all []constraint
	for i := range pod.Spec.TopologySpreadConstraints {
		given := &pod.Spec.TopologySpreadConstraints[i]
		if given.WhenUnsatisfiable != action {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(given.LabelSelector)
		if err != nil {
			return nil, err
		}
		if selector, err = withKeys(selector, given.MatchLabelKeys, pod.Labels); err != nil {
			return nil, err
		}
		all = append(all, newConstraint(pod, given, selector))
	}
	return all, nil
}

// withKeys adds to a selector that the labels must have the pod's values.
func withKeys(selector labels.Selector, keys []string, of labels.Set) (labels.Selector, error) {
	for _, key := range keys {
		value, ok := of[key]
		if !ok {
			continue
		}
		requirement, err := labels.NewRequirement(key, selection.In, []string{value})
		if err != nil {
			return nil, err
		}
		selector = selector.Add(*requirement)
	}
	return selector, nil
}

func newConstraint(pod *corev1.Pod, given *corev1.TopologySpreadConstraint, selector labels.Selector) constraint {
	c := constraint{key: given.TopologyKey, selector: selector, maxSkew: int(given.MaxSkew), minDomains: 1, tolerations: pod.Spec.Tolerations}
	if given.MinDomains != nil {
		c.minDomains = int(*given.MinDomains)
	}
	c.set = state.PodSet{
		Key: "spread " + pod.Namespace + ";" + state.SelectorKey(selector), Namespaces: sets.New(pod.Namespace),
		Matches: func(other *corev1.Pod) bool {
			return other.DeletionTimestamp == nil && selector.Matches(labels.Set(other.Labels))
		},
	}
	if selector.Matches(labels.Set(pod.Labels)) {
		c.self = 1
	}
	wants := len(pod.Spec.NodeSelector) > 0 || pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil
	if wants && (given.NodeAffinityPolicy == nil || *given.NodeAffinityPolicy == corev1.NodeInclusionPolicyHonor) {
		required := nodeaffinity.GetRequiredNodeAffinity(pod)
		c.affinity = &required
	}
	c.honorTaints = given.NodeTaintsPolicy != nil && *given.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
	return c
}

// system are the default constraints of the system.
func system() []corev1.TopologySpreadConstraint {
	return []corev1.TopologySpreadConstraint{
		{TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 3},
		{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 5},
	}
}

func (p *Plugin) defaults(ctx context.Context, pod *corev1.Pod, action corev1.UnsatisfiableConstraintAction) ([]constraint, error) {
	given := p.Defaults
	if given == nil {
		given = system()
	}
	var all []constraint
	var selector labels.Selector
	for i := range given {
		if given[i].WhenUnsatisfiable != action {
			continue
		}
		if selector == nil {
			var err error
			if selector, err = p.siblings(ctx, pod); err != nil {
				return nil, fmt.Errorf("finding the services and the workload of pod %s/%s: %w", pod.Namespace, pod.Name, err)
			}
			if selector.Empty() {
				return nil, nil
			}
		}
		all = append(all, newConstraint(pod, &given[i], selector))
	}
	return all, nil
}

// siblings selects the pods of the same services and the same workload; it is empty if there are none.
func (p *Plugin) siblings(ctx context.Context, pod *corev1.Pod) (labels.Selector, error) {
	set := labels.Set{}
	var services corev1.ServiceList
	if err := p.Client.List(ctx, &services, client.InNamespace(pod.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	for i := range services.Items {
		selector := services.Items[i].Spec.Selector
		if len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			set = labels.Merge(set, selector)
		}
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return labels.SelectorFromSet(set), nil
	}
	return p.ofOwner(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}, owner, set)
}

func (p *Plugin) ofOwner(ctx context.Context, key client.ObjectKey, owner *metav1.OwnerReference, set labels.Set) (labels.Selector, error) {
	var selector *metav1.LabelSelector
	var err error
	switch owner.APIVersion + " " + owner.Kind {
	case "v1 ReplicationController":
		var rc corev1.ReplicationController
		err = p.Client.Get(ctx, key, &rc)
		set = labels.Merge(set, rc.Spec.Selector)
	case "apps/v1 ReplicaSet":
		var rs appsv1.ReplicaSet
		err = p.Client.Get(ctx, key, &rs)
		selector = rs.Spec.Selector
	case "apps/v1 StatefulSet":
		var sts appsv1.StatefulSet
		err = p.Client.Get(ctx, key, &sts)
		selector = sts.Spec.Selector
	}
	merged := labels.SelectorFromSet(set)
	if err != nil || selector == nil {
		return merged, client.IgnoreNotFound(err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, err
	}
	requirements, _ := parsed.Requirements()
	return merged.Add(requirements...), nil
}
