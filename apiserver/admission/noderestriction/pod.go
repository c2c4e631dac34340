package noderestriction

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/podref"
)

func (p *Plugin) pod(ctx context.Context, name string, a *admission.Attributes) error {
	switch a.Subresource {
	case "":
		switch a.Operation {
		case admission.Create:
			return p.mirror(ctx, name, a)
		case admission.Delete:
			return p.deletion(ctx, name, a)
		}
		return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", a.Operation, name)
	case "status":
		return status(name, a)
	case "eviction":
		if a.Operation == admission.Delete { // what an eviction that was admitted does
			return p.deletion(ctx, name, a)
		}
		return p.eviction(ctx, name, a)
	}
	return fmt.Errorf("unexpected pod subresource %q, only 'status' and 'eviction' are allowed", a.Subresource)
}

// mirror: a kubelet shows the pods that it runs from files, and these may refer to nothing that would
// give the node the right to read it.
func (p *Plugin) mirror(ctx context.Context, name string, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("unexpected type %T", a.Object)
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; !mirror {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, name)
	}
	if pod.Spec.NodeName != name {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", name)
	}
	if err := p.ownedByItself(ctx, name, pod); err != nil {
		return err
	}
	return referenceless(name, pod)
}

func (p *Plugin) ownedByItself(ctx context.Context, name string, pod *corev1.Pod) error {
	if len(pod.OwnerReferences) != 1 {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
	}
	owner := pod.OwnerReferences[0]
	if owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != name {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
	}
	if owner.Controller == nil || !*owner.Controller {
		return fmt.Errorf("node %q can only create pods with a controller owner reference set to itself", name)
	}
	if owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion {
		return fmt.Errorf("node %q must not set blockOwnerDeletion on an owner reference", name)
	}
	found, ok, err := auth.Find[*corev1.Node](ctx, p.Lister, nodes, "", name)
	if err != nil {
		return err
	}
	if !ok {
		return apierrors.NewNotFound(nodes, name)
	}
	if found.UID != owner.UID {
		return fmt.Errorf("node %s UID mismatch: expected %s got %s", name, owner.UID, found.UID)
	}
	return nil
}

func referenceless(name string, pod *corev1.Pod) error {
	if pod.Spec.ServiceAccountName != "" {
		return fmt.Errorf("node %q can not create pods that reference a service account", name)
	}
	what := ""
	note := func(kind string) func(string) {
		return func(string) {
			if what == "" {
				what = kind
			}
		}
	}
	podref.Visit(pod, podref.Visitor{
		Secret: note("secrets"), ConfigMap: note("configmaps"), Claim: note("persistentvolumeclaims"),
		Token: func(*corev1.ServiceAccountTokenProjection) { note("serviceaccounts")("") },
	})
	for _, volume := range pod.Spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ClusterTrustBundle != nil {
				note("clustertrustbundles")("")
			}
		}
	}
	if len(pod.Spec.ResourceClaims) > 0 {
		note("resourceclaims")("")
	}
	if what != "" {
		return fmt.Errorf("node %q can not create pods that reference %s", name, what)
	}
	return nil
}

func (p *Plugin) deletion(ctx context.Context, name string, a *admission.Attributes) error {
	pod, err := p.stored(ctx, a)
	if err != nil {
		return err
	}
	if pod == nil || pod.Spec.NodeName == name {
		return nil
	}
	return fmt.Errorf("node %q can only delete pods with spec.nodeName set to itself", name)
}

// stored returns the pod that is written, as it is; nil when there is none.
func (p *Plugin) stored(ctx context.Context, a *admission.Attributes) (*corev1.Pod, error) {
	if old, ok := a.Old.(*corev1.Pod); ok {
		return old, nil
	}
	pod, ok, err := auth.Find[*corev1.Pod](ctx, p.Lister, pods, a.Namespace, a.Name)
	if err != nil || !ok {
		return nil, err
	}
	return pod, nil
}

func status(name string, a *admission.Attributes) error {
	if a.Operation != admission.Update {
		return fmt.Errorf("unexpected operation %q", a.Operation)
	}
	old, ok := a.Old.(*corev1.Pod)
	pod, hasPod := a.Object.(*corev1.Pod)
	if !ok || !hasPod {
		return fmt.Errorf("unexpected type %T", a.Object)
	}
	if old.Spec.NodeName != name {
		return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", name)
	}
	if !equality.Semantic.DeepEqual(old.Labels, pod.Labels) {
		return fmt.Errorf("node %q cannot update labels through pod status", name)
	}
	if !equality.Semantic.DeepEqual(old.OwnerReferences, pod.OwnerReferences) {
		return fmt.Errorf("node %q cannot update ownerReferences through pod status", name)
	}
	if !equality.Semantic.DeepEqual(old.Status.ResourceClaimStatuses, pod.Status.ResourceClaimStatuses) {
		return fmt.Errorf("node %q cannot update resource claim statues", name)
	}
	if !equality.Semantic.DeepEqual(old.Status.ExtendedResourceClaimStatus, pod.Status.ExtendedResourceClaimStatus) {
		return fmt.Errorf("node %q cannot update extended resource claim statues", name)
	}
	return nil
}

func (p *Plugin) eviction(ctx context.Context, name string, a *admission.Attributes) error {
	if a.Operation != admission.Create {
		return fmt.Errorf("unexpected operation %s", a.Operation)
	}
	var given metav1.Object
	switch obj := a.Object.(type) {
	case *policyv1.Eviction:
		given = obj
	default:
		return fmt.Errorf("unexpected type %T", a.Object)
	}
	target := a.Name
	if target == "" {
		target = given.GetName()
	}
	if target == "" {
		return fmt.Errorf("could not determine pod from request data")
	}
	pod, ok, err := auth.Find[*corev1.Pod](ctx, p.Lister, pods, a.Namespace, target)
	if err != nil {
		return err
	}
	if ok && pod.Spec.NodeName != name {
		return fmt.Errorf("node %s can only evict pods with spec.nodeName set to itself", name)
	}
	return nil
}
