package noderestriction

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	kubeletapis "k8s.io/kubelet/pkg/apis"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// node: its own, and nothing by which it could gain pods or be taken away. What holds for the main path holds for
// the status too, for both write the whole metadata.
func (p *Plugin) node(name string, a *admission.Attributes) error {
	requested := a.Name
	if obj, ok := a.Object.(*corev1.Node); ok && requested == "" && a.Operation == admission.Create {
		requested = obj.Name // one that is to be generated is not the node's own
	}
	if requested != name {
		return fmt.Errorf("node %q is not allowed to modify node %q", name, requested)
	}
	obj, ok := a.Object.(*corev1.Node)
	if !ok {
		return nil
	}
	switch a.Operation {
	case admission.Create:
		return newNode(name, obj)
	case admission.Update:
		old, ok := a.Old.(*corev1.Node)
		if !ok {
			return errors.New("the stored node is not known")
		}
		return changedNode(name, obj, old)
	}
	return nil
}

// newNode refuses what a kubelet may not register its node with. An owner of the kubelet's own, a CSINode say, would let it
// have the node collected later and register anew without the taints and labels that others gave it; upstream refuses owners
// in updates only (CVE-2025-5187).
func newNode(name string, obj *corev1.Node) error {
	if obj.Spec.ConfigSource != nil {
		return fmt.Errorf("node %q is not allowed to create pods with a non-nil configSource", name)
	}
	if len(obj.OwnerReferences) > 0 {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	}
	if labels := forbidden(nil, obj.Labels); len(labels) > 0 {
		return fmt.Errorf("node %q is not allowed to set the following labels: %s", name, strings.Join(labels, ", "))
	}
	return nil
}

func changedNode(name string, obj, old *corev1.Node) error {
	if obj.Spec.ConfigSource != nil && !equality.Semantic.DeepEqual(obj.Spec.ConfigSource, old.Spec.ConfigSource) {
		return fmt.Errorf("node %q is not allowed to update configSource to a new non-nil configSource", name)
	}
	if !equality.Semantic.DeepEqual(obj.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", name)
	}
	if !equality.Semantic.DeepEqual(obj.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	}
	if labels := forbidden(old.Labels, obj.Labels); len(labels) > 0 {
		return fmt.Errorf("is not allowed to modify labels: %s", strings.Join(labels, ", "))
	}
	return nil
}

// forbidden returns the labels that differ and are not for kubelets to set, sorted.
func forbidden(old, labels map[string]string) []string {
	var found []string
	look := func(key string) {
		before, had := old[key]
		after, has := labels[key]
		if (had != has || before != after) && reserved(key) && !slices.Contains(found, key) {
			found = append(found, key)
		}
	}
	for key := range old {
		look(key)
	}
	for key := range labels {
		look(key)
	}
	slices.Sort(found)
	return found
}

// reserved labels are those of Kubernetes itself, except the few that a kubelet says of its machine.
func reserved(key string) bool {
	prefix, _, found := strings.Cut(key, "/")
	if !found {
		return false
	}
	for _, domain := range []string{"kubernetes.io", "k8s.io"} {
		if prefix == domain || strings.HasSuffix(prefix, "."+domain) {
			return !kubeletapis.IsKubeletLabel(key)
		}
	}
	return false
}

// claimStatus: a kubelet that has expanded a volume says so, and nothing else.
func claimStatus(name string, a *admission.Attributes) error {
	if !a.Is(claims, "status", admission.Update) {
		return fmt.Errorf("unexpected operation %q, node %q can only update the status of persistentvolumeclaims", a.Operation, name)
	}
	obj, ok := a.Object.(*corev1.PersistentVolumeClaim)
	old, hasOld := a.Old.(*corev1.PersistentVolumeClaim)
	if !ok || !hasOld {
		return fmt.Errorf("unexpected type %T", a.Object)
	}
	before, after := old.DeepCopy(), obj.DeepCopy()
	for _, claim := range []*corev1.PersistentVolumeClaim{before, after} {
		claim.ResourceVersion, claim.ManagedFields = "", nil
		claim.Status.Capacity, claim.Status.Conditions = nil, nil
		claim.Status.AllocatedResources, claim.Status.AllocatedResourceStatuses = nil, nil
	}
	if !equality.Semantic.DeepEqual(before, after) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.quantity and status.conditions", name)
	}
	return nil
}
