package podsecurity

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// maxChecked bounds how many pods a change of a namespace's labels looks at.
const maxChecked = 3000

// namespace refuses wrong labels that were not there before, and warns of the pods that a stricter standard would
// refuse.
func (p *Plugin) namespace(a *admission.Attributes) error {
	namespace, ok := a.Object.(*corev1.Namespace)
	if !ok || a.Subresource != "" {
		return nil
	}
	labels, wrong := api.PolicyToEvaluate(namespace.Labels, p.defaults)
	old, hasOld := a.Old.(*corev1.Namespace)
	if !hasOld {
		return invalid(namespace.Name, wrong)
	}
	before, wrongBefore := api.PolicyToEvaluate(old.Labels, p.defaults)
	if len(wrong) > 0 && len(wrongBefore) == 0 {
		return invalid(namespace.Name, wrong)
	}
	if len(wrong) > 0 && wrong.ToAggregate().Error() != wrongBefore.ToAggregate().Error() {
		return invalid(namespace.Name, wrong)
	}
	if labels.Enforce == before.Enforce || labels.Enforce.Level == api.LevelPrivileged ||
		labels.Enforce.Version == before.Enforce.Version && api.CompareLevels(labels.Enforce.Level, before.Enforce.Level) < 1 {
		return nil
	}
	if slices.Contains(p.exempt.Namespaces, namespace.Name) {
		a.Warning(fmt.Sprintf("namespace %q is exempt from Pod Security, and the policy (%s) will be ignored", namespace.Name, told(labels)))
		return nil
	}
	p.warnOfPods(a, namespace.Name, labels.Enforce)
	return nil
}

func invalid(name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Kind: "Namespace"}, name, errs)
}

// complaint is one reason and the pods that it holds for.
type complaint struct {
	reason string
	first  string
	count  int
}

func (p *Plugin) warnOfPods(a *admission.Attributes, namespace string, standard api.LevelVersion) {
	reasons := map[string]*complaint{}
	looked := 0
	p.lister.Each(pods, namespace, func(obj resource.Object) bool {
		pod, ok := obj.(*corev1.Pod)
		if !ok {
			return true
		}
		result := policy.AggregateCheckResults(p.evaluator.EvaluatePod(standard, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			reason := result.ForbiddenReason()
			c := reasons[reason]
			if c == nil {
				c = &complaint{reason: reason, first: pod.Name}
				reasons[reason] = c
			}
			c.count++
		}
		looked++
		return looked < maxChecked
	})
	if len(reasons) == 0 {
		return
	}
	a.Warning(fmt.Sprintf("existing pods in namespace %q violate the new PodSecurity enforce level %q", namespace, standard.String()))
	all := make([]*complaint, 0, len(reasons))
	for _, c := range reasons {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y *complaint) int {
		return cmp.Or(cmp.Compare(x.first, y.first), cmp.Compare(x.reason, y.reason))
	})
	for _, c := range all {
		a.Warning(c.String())
	}
}

func (c *complaint) String() string {
	switch c.count {
	case 1:
		return fmt.Sprintf("%s: %s", c.first, c.reason)
	case 2:
		return fmt.Sprintf("%s (and 1 other pod): %s", c.first, c.reason)
	}
	return fmt.Sprintf("%s (and %d other pods): %s", c.first, c.count-1, c.reason)
}
