package node

import (
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/podref"
)

var (
	pods        = schema.GroupResource{Resource: "pods"}
	volumes     = schema.GroupResource{Resource: "persistentvolumes"}
	attachments = schema.GroupResource{Group: storagev1.GroupName, Resource: "volumeattachments"}
	slicesOf    = schema.GroupResource{Group: resourcev1.GroupName, Resource: "resourceslices"}
)

func (n *Authorizer) runs(node, namespace, name string) bool {
	pod, ok := auth.Get[*corev1.Pod](n.lister, pods, namespace, name)
	return ok && pod.Spec.NodeName == node
}

// any says whether one of the node's pods in the namespace refers to something. Mirror pods do not count: nodes
// make them up, and must not gain by it.
func (n *Authorizer) any(node, namespace string, refers func(*corev1.Pod) bool) bool {
	found := false
	n.lister.Each(pods, namespace, func(obj resource.Object) bool {
		pod, ok := obj.(*corev1.Pod)
		if !ok || pod.Spec.NodeName != node {
			return true
		}
		if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
			return true
		}
		found = refers(pod)
		return !found
	})
	return found
}

func (n *Authorizer) usesSecret(node, namespace, name string) bool {
	if namespace == "" {
		return false
	}
	return n.any(node, namespace, func(pod *corev1.Pod) bool {
		found := false
		podref.Visit(pod, podref.Visitor{Secret: func(secret string) { found = found || secret == name }})
		return found
	}) || n.usesSecretOfVolume(node, namespace, name)
}

// usesSecretOfVolume: drivers of persistent volumes log in with secrets, which may be in other namespaces.
func (n *Authorizer) usesSecretOfVolume(node, namespace, name string) bool {
	found := false
	n.lister.Each(volumes, "", func(obj resource.Object) bool {
		volume, ok := obj.(*corev1.PersistentVolume)
		if ok && volume.Spec.ClaimRef != nil && secretsOf(volume)[corev1.SecretReference{Namespace: namespace, Name: name}] {
			found = n.usesClaim(node, volume.Spec.ClaimRef.Namespace, volume.Spec.ClaimRef.Name)
		}
		return !found
	})
	return found
}

func (n *Authorizer) usesConfigMap(node, namespace, name string) bool {
	return namespace != "" && n.any(node, namespace, func(pod *corev1.Pod) bool {
		found := false
		podref.Visit(pod, podref.Visitor{ConfigMap: func(configMap string) { found = found || configMap == name }})
		return found
	})
}

func (n *Authorizer) usesClaim(node, namespace, name string) bool {
	return namespace != "" && n.any(node, namespace, func(pod *corev1.Pod) bool {
		found := false
		podref.Visit(pod, podref.Visitor{Claim: func(claim string) { found = found || claim == name }})
		return found
	})
}

// usesVolume asks for the claim that the volume is for.
func (n *Authorizer) usesVolume(node, _, name string) bool {
	volume, ok := auth.Get[*corev1.PersistentVolume](n.lister, volumes, "", name)
	return ok && volume.Spec.ClaimRef != nil && n.usesClaim(node, volume.Spec.ClaimRef.Namespace, volume.Spec.ClaimRef.Name)
}

func (n *Authorizer) usesAccount(node, namespace, name string) bool {
	return namespace != "" && n.any(node, namespace, func(pod *corev1.Pod) bool { return pod.Spec.ServiceAccountName == name })
}

func (n *Authorizer) usesResourceClaim(node, namespace, name string) bool {
	return namespace != "" && n.any(node, namespace, func(pod *corev1.Pod) bool {
		for _, claim := range pod.Spec.ResourceClaims {
			if claim.ResourceClaimName != nil && *claim.ResourceClaimName == name {
				return true
			}
		}
		for _, claim := range pod.Status.ResourceClaimStatuses {
			if claim.ResourceClaimName != nil && *claim.ResourceClaimName == name {
				return true
			}
		}
		extended := pod.Status.ExtendedResourceClaimStatus
		return extended != nil && extended.ResourceClaimName == name
	})
}

func (n *Authorizer) hasAttachment(node, _, name string) bool {
	attachment, ok := auth.Get[*storagev1.VolumeAttachment](n.lister, attachments, "", name)
	return ok && attachment.Spec.NodeName == node
}

func (n *Authorizer) ownsSlice(node, _, name string) bool {
	slice, ok := auth.Get[*resourcev1.ResourceSlice](n.lister, slicesOf, "", name)
	return ok && slice.Spec.NodeName != nil && *slice.Spec.NodeName == node
}

// secretsOf returns the secrets that a volume's driver needs. A reference without a namespace means that of
// the claim.
func secretsOf(volume *corev1.PersistentVolume) map[corev1.SecretReference]bool {
	source := &volume.Spec.PersistentVolumeSource
	var refs []*corev1.SecretReference
	switch {
	case source.AzureFile != nil:
		ref := &corev1.SecretReference{Name: source.AzureFile.SecretName}
		if source.AzureFile.SecretNamespace != nil {
			ref.Namespace = *source.AzureFile.SecretNamespace
		}
		refs = append(refs, ref)
	case source.CephFS != nil:
		refs = append(refs, source.CephFS.SecretRef)
	case source.Cinder != nil:
		refs = append(refs, source.Cinder.SecretRef)
	case source.FlexVolume != nil:
		refs = append(refs, source.FlexVolume.SecretRef)
	case source.RBD != nil:
		refs = append(refs, source.RBD.SecretRef)
	case source.ScaleIO != nil:
		refs = append(refs, source.ScaleIO.SecretRef)
	case source.ISCSI != nil:
		refs = append(refs, source.ISCSI.SecretRef)
	case source.StorageOS != nil && source.StorageOS.SecretRef != nil:
		refs = append(refs, &corev1.SecretReference{Namespace: source.StorageOS.SecretRef.Namespace, Name: source.StorageOS.SecretRef.Name})
	case source.CSI != nil:
		refs = append(refs, source.CSI.NodePublishSecretRef, source.CSI.NodeStageSecretRef, source.CSI.NodeExpandSecretRef)
	}
	found := map[corev1.SecretReference]bool{}
	for _, ref := range refs {
		if ref == nil || ref.Name == "" {
			continue
		}
		named := *ref
		if named.Namespace == "" && volume.Spec.ClaimRef != nil {
			named.Namespace = volume.Spec.ClaimRef.Namespace
		}
		found[named] = true
	}
	return found
}
