package podtopologylabels

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods     = schema.GroupResource{Resource: "pods"}
	bindings = schema.GroupResource{Resource: "bindings"}
	nodes    = schema.GroupResource{Resource: "nodes"}
)

// Plugin is PodTopologyLabels.
type Plugin struct {
	Lister admission.Lister
}

// Admit copies the zone and the region. A binding carries them to its pod.
func (p *Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	switch obj := a.Object.(type) {
	case *corev1.Binding:
		if a.Is(pods, "binding", admission.Create) || a.Is(bindings, "", admission.Create) {
			if obj.Target.Kind == "" || obj.Target.Kind == "Node" {
				p.label(obj, obj.Target.Name)
			}
		}
	case *corev1.Pod:
		if a.Is(pods, "", admission.Create) {
			p.label(obj, obj.Spec.NodeName)
		}
	}
	return nil
}

func (p *Plugin) label(obj resource.Object, nodeName string) {
	if nodeName == "" {
		return
	}
	node, ok := auth.Get[*corev1.Node](p.Lister, nodes, "", nodeName)
	if !ok {
		return
	}
	for _, label := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		value, ok := node.Labels[label]
		if !ok {
			continue
		}
		labels := obj.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[label] = value
		obj.SetLabels(labels)
	}
}
