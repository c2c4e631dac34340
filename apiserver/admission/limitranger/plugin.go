package limitranger

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods   = schema.GroupResource{Resource: "pods"}
	claims = schema.GroupResource{Resource: "persistentvolumeclaims"}
	ranges = schema.GroupResource{Resource: "limitranges"}
)

// Plugin is LimitRanger.
type Plugin struct {
	Lister admission.Lister
}

// Admit fills in the defaults of new pods.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create) {
		return nil
	}
	for _, limits := range p.ranges(a.Namespace) {
		applyDefaults(limits, pod)
	}
	return nil
}

// Validate compares with each range of the namespace.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	var check func(*corev1.LimitRange) []error
	switch obj := a.Object.(type) {
	case *corev1.Pod:
		if !a.Is(pods, "", admission.Create) && !a.Is(pods, "resize", admission.Update) {
			return nil
		}
		check = func(limits *corev1.LimitRange) []error { return checkPod(limits, obj) }
	case *corev1.PersistentVolumeClaim:
		if !a.Is(claims, "", admission.Create, admission.Update) {
			return nil
		}
		check = func(limits *corev1.LimitRange) []error { return checkClaim(limits, obj) }
	default:
		return nil
	}
	for _, limits := range p.ranges(a.Namespace) {
		if errs := check(limits); len(errs) > 0 {
			return admission.Forbidden(a, utilerrors.NewAggregate(errs))
		}
	}
	return nil
}

func (p *Plugin) ranges(namespace string) []*corev1.LimitRange {
	return auth.List[*corev1.LimitRange](p.Lister, ranges, namespace)
}
