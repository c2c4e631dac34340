package nodedeclaredfeatures

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	ndf "k8s.io/component-helpers/nodedeclaredfeatures"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods  = schema.GroupResource{Resource: "pods"}
	nodes = schema.GroupResource{Resource: "nodes"}
)

// Plugin is NodeDeclaredFeatureValidator.
type Plugin struct {
	Lister admission.Lister
}

// ours is the version whose features are asked about: those that all nodes of a cluster have by then are not.
func ours() *version.Version { return version.MajorMinor(1, 36) }

// Validate asks about updates and resizes of pods that have a node.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	if !a.Is(pods, "", admission.Update) && !a.Is(pods, "resize", admission.Update) {
		return nil
	}
	pod, ok := a.Object.(*corev1.Pod)
	old, had := a.Old.(*corev1.Pod)
	if !ok || !had || pod.Spec.NodeName == "" || len(old.Spec.InitContainers) != len(pod.Spec.InitContainers) {
		return nil
	}
	needed, err := ndf.DefaultFramework.InferForPodUpdate(infoOf(old), infoOf(pod), ours())
	if err != nil {
		return admission.Forbidden(a, fmt.Errorf("inferring what the update needs: %w", err))
	}
	if needed.IsEmpty() {
		return nil
	}
	node, ok := auth.Get[*corev1.Node](p.Lister, nodes, "", pod.Spec.NodeName)
	if !ok {
		return admission.Forbidden(a, fmt.Errorf("node %q not found", pod.Spec.NodeName))
	}
	match, err := ndf.DefaultFramework.MatchNode(needed, node)
	switch {
	case err != nil:
		return admission.Forbidden(a, fmt.Errorf("looking at what node %q declares: %w", node.Name, err))
	case !match.IsMatch:
		return admission.Forbidden(a, fmt.Errorf("pod update requires features %s which are not available on node %q", strings.Join(match.UnsatisfiedRequirements, ", "), node.Name))
	}
	return nil
}

func infoOf(pod *corev1.Pod) *ndf.PodInfo { return &ndf.PodInfo{Spec: &pod.Spec, Status: &pod.Status} }
