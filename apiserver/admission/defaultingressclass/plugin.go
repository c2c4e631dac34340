package defaultingressclass

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

const deprecatedClass = "kubernetes.io/ingress.class"

var (
	ingresses = schema.GroupResource{Group: networkingv1.GroupName, Resource: "ingresses"}
	classes   = schema.GroupResource{Group: networkingv1.GroupName, Resource: "ingressclasses"}
)

// Plugin is DefaultIngressClass.
type Plugin struct {
	Lister admission.Lister
}

// Admit names the default class in ingresses that name none.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	ingress, ok := a.Object.(*networkingv1.Ingress)
	if !ok || !a.Is(ingresses, "", admission.Create) || ingress.Spec.IngressClassName != nil {
		return nil
	}
	if _, deprecated := ingress.Annotations[deprecatedClass]; deprecated {
		return nil
	}
	if class := p.defaultClass(); class != nil {
		ingress.Spec.IngressClassName = &class.Name
	}
	return nil
}

// defaultClass is the newest that is marked so; of equally new ones, the first by name.
func (p *Plugin) defaultClass() *networkingv1.IngressClass {
	var found *networkingv1.IngressClass
	p.Lister.Each(classes, "", func(obj resource.Object) bool {
		class, ok := obj.(*networkingv1.IngressClass)
		if ok && class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" &&
			(found == nil || found.CreationTimestamp.Before(&class.CreationTimestamp)) {
			found = class
		}
		return true
	})
	return found
}
