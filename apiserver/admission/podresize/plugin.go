package podresize

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/component-helpers/resource"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	pods  = schema.GroupResource{Resource: "pods"}
	nodes = schema.GroupResource{Resource: "nodes"}
)

// Why a resize is refused, for programs.
const (
	unsupportedPlatform metav1.CauseType = "UnsupportedPlatform"
	nodeCapacity        metav1.CauseType = "NodeCapacity"
)

// Plugin is PodResizeValidator.
type Plugin struct {
	Lister admission.Lister
}

// Validate looks at resizes of pods that have a node.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	if !a.Is(pods, "resize", admission.Update) {
		return nil
	}
	pod, ok := a.Object.(*corev1.Pod)
	old, had := a.Old.(*corev1.Pod)
	if !ok || !had || pod.Spec.NodeName == "" || apiequality.Semantic.DeepEqual(requests(pod), requests(old)) {
		return nil
	}
	node, ok := auth.Get[*corev1.Node](p.Lister, nodes, "", pod.Spec.NodeName)
	if !ok {
		return admission.Forbidden(a, fmt.Errorf("node %q not found", pod.Spec.NodeName))
	}
	if system := node.Labels[corev1.LabelOSStable]; system != "" && system != string(corev1.Linux) {
		return because(unsupportedPlatform, admission.Forbidden(a, fmt.Errorf("pod resize is only supported on linux nodes, node %q is %q", node.Name, system)))
	}
	if lacking := lacking(requests(pod), node.Status.Allocatable); len(lacking) > 0 {
		return because(nodeCapacity, admission.Forbidden(a, fmt.Errorf("node didn't have enough allocatable resources: %s", strings.Join(lacking, "; "))))
	}
	return nil
}

func requests(pod *corev1.Pod) corev1.ResourceList {
	return resource.PodRequests(pod, resource.PodResourcesOptions{})
}

// lacking tells of what more is asked for than there is.
func lacking(asked, allocatable corev1.ResourceList) []string {
	var all []string
	if cpu, has := asked.Cpu().MilliValue(), allocatable.Cpu().MilliValue(); cpu > has {
		all = append(all, fmt.Sprintf("cpu, requested: %d, allocatable: %d", cpu, has))
	}
	if memory, has := asked.Memory().Value(), allocatable.Memory().Value(); memory > has {
		all = append(all, fmt.Sprintf("memory, requested: %d, allocatable: %d", memory, has))
	}
	return all
}

// because adds to a refusal why.
func because(cause metav1.CauseType, refused error) error {
	var status *apierrors.StatusError
	if errors.As(refused, &status) && status.ErrStatus.Details != nil {
		status.ErrStatus.Details.Causes = append(status.ErrStatus.Details.Causes, metav1.StatusCause{Type: cause})
	}
	return refused
}
