package priority

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods    = schema.GroupResource{Resource: "pods"}
	classes = schema.GroupResource{Group: schedulingv1.GroupName, Resource: "priorityclasses"}
)

// system are the classes that every cluster has.
var system = []string{"system-cluster-critical", "system-node-critical"}

// Plugin is Priority.
type Plugin struct {
	Lister admission.Lister
}

// chosen is what a pod gets.
type chosen struct {
	class      string
	value      int32
	preemption corev1.PreemptionPolicy
}

// Admit fills in priority, class and preemption policy. A client may give them only as they would be.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok {
		return nil
	}
	if a.Is(pods, "", admission.Update) {
		carryOver(pod, a.Old)
		return nil
	}
	if !a.Is(pods, "", admission.Create) {
		return nil
	}
	choice, err := p.choose(ctx, pod.Spec.PriorityClassName)
	if err != nil {
		return admission.Forbidden(a, err)
	}
	if given := pod.Spec.Priority; given != nil && *given != choice.value {
		return admission.Forbidden(a, fmt.Errorf(
			"the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *given, choice.value))
	}
	if given := pod.Spec.PreemptionPolicy; given != nil && *given != choice.preemption {
		return admission.Forbidden(a, fmt.Errorf(
			"the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name", *given, choice.preemption))
	}
	pod.Spec.PriorityClassName, pod.Spec.Priority, pod.Spec.PreemptionPolicy = choice.class, &choice.value, &choice.preemption
	return nil
}

// carryOver keeps what an old client, which does not know the fields, would drop.
func carryOver(pod *corev1.Pod, old any) {
	stored, ok := old.(*corev1.Pod)
	if !ok {
		return
	}
	if pod.Spec.Priority == nil {
		pod.Spec.Priority = stored.Spec.Priority
	}
	if pod.Spec.PreemptionPolicy == nil {
		pod.Spec.PreemptionPolicy = stored.Spec.PreemptionPolicy
	}
}

func (p *Plugin) choose(ctx context.Context, name string) (chosen, error) {
	if name == "" {
		class := p.defaultClass()
		if class == nil {
			return chosen{preemption: corev1.PreemptLowerPriority}, nil
		}
		return of(class), nil
	}
	class, ok, err := auth.Find[*schedulingv1.PriorityClass](ctx, p.Lister, classes, "", name)
	if err != nil {
		return chosen{}, err
	}
	if !ok {
		return chosen{}, fmt.Errorf("no PriorityClass with name %s was found", name)
	}
	return of(class), nil
}

func of(class *schedulingv1.PriorityClass) chosen {
	return chosen{class: class.Name, value: class.Value, preemption: ptr.Deref(class.PreemptionPolicy, corev1.PreemptLowerPriority)}
}

// defaultClass is the global default; of several, that of the lowest value.
func (p *Plugin) defaultClass() *schedulingv1.PriorityClass {
	var found *schedulingv1.PriorityClass
	p.Lister.Each(classes, "", func(obj resource.Object) bool {
		if class, ok := obj.(*schedulingv1.PriorityClass); ok && class.GlobalDefault && (found == nil || class.Value < found.Value) {
			found = class
		}
		return true
	})
	return found
}

// Validate keeps a second class from becoming the default.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Is(classes, "", admission.Delete) && slices.Contains(system, a.Name) {
		return admission.Forbidden(a, errors.New("this is a system priority class and cannot be deleted"))
	}
	class, ok := a.Object.(*schedulingv1.PriorityClass)
	if !ok || !class.GlobalDefault || !a.Is(classes, "", admission.Create, admission.Update) {
		return nil
	}
	if err := p.Lister.Sync(ctx); err != nil {
		return apierrors.NewInternalError(errors.Join(errors.New("looking for the default PriorityClass"), err))
	}
	if other := p.defaultClass(); other != nil && other.Name != class.Name {
		return admission.Forbidden(a, fmt.Errorf("PriorityClass %s is already marked as default. Only one default can exist", other.Name))
	}
	return nil
}
