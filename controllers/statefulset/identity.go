package statefulset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

// revisionLabel is the label of the set's revisions that has their hash.
const revisionLabel = "controller.kubernetes.io/hash"

func podName(set *appsv1.StatefulSet, ordinal int) string {
	return set.Name + "-" + strconv.Itoa(ordinal)
}

// ordinalOf is the ordinal in a pod's name; false when it is not one of the set's.
func ordinalOf(set *appsv1.StatefulSet, pod *corev1.Pod) (int, bool) {
	return ordinalIn(set.Name, pod.Name)
}

func ordinalIn(set, name string) (int, bool) {
	text, ok := strings.CutPrefix(name, set+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == text
}

func claimName(set *appsv1.StatefulSet, template *corev1.PersistentVolumeClaim, ordinal int) string {
	return fmt.Sprintf("%s-%s", template.Name, podName(set, ordinal))
}

// podFor returns the pod of an ordinal from a template.
func podFor(owner podcontrol.Owner, set *appsv1.StatefulSet, template *corev1.PodTemplateSpec, rev string, ordinal int) *corev1.Pod {
	pod := podcontrol.FromTemplate(owner, template)
	pod.GenerateName = set.Name + "-"
	pod.Name = podName(set, ordinal)
	identify(pod, ordinal)
	pod.Labels[revision.HashLabel] = rev
	pod.Spec.Hostname = pod.Name
	pod.Spec.Subdomain = set.Spec.ServiceName
	for i := range set.Spec.VolumeClaimTemplates {
		claim := &set.Spec.VolumeClaimTemplates[i]
		volume := corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claimName(set, claim, ordinal)},
		}}
		at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == claim.Name })
		if at >= 0 {
			pod.Spec.Volumes[at] = volume
			continue
		}
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
	}
	return pod
}

// identify sets the labels that go with a pod's name.
func identify(pod *corev1.Pod, ordinal int) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[appsv1.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[appsv1.PodIndexLabel] = strconv.Itoa(ordinal)
}

// isMember says whether a pod has a name of the set's: only such ones are adopted, and kept.
func isMember(owner, pod client.Object) bool {
	set, ok := owner.(*appsv1.StatefulSet)
	if !ok {
		return false
	}
	_, ok = ordinalIn(set.Name, pod.GetName())
	return ok
}

// claimsFor returns the claims of an ordinal. They belong to the set if they are to be
// deleted with it.
func claimsFor(owner podcontrol.Owner, set *appsv1.StatefulSet, ordinal int) []*corev1.PersistentVolumeClaim {
	var out []*corev1.PersistentVolumeClaim
	for i := range set.Spec.VolumeClaimTemplates {
		claim := set.Spec.VolumeClaimTemplates[i].DeepCopy()
		claim.Name = claimName(set, claim, ordinal)
		claim.Namespace = set.Namespace
		labels := maps.Clone(claim.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		if set.Spec.Selector != nil {
			maps.Copy(labels, set.Spec.Selector.MatchLabels)
		}
		claim.Labels = labels
		claim.Status = corev1.PersistentVolumeClaimStatus{}
		if deleteWith(set).WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
			claim.OwnerReferences = []metav1.OwnerReference{owner.Reference()}
		}
		out = append(out, claim)
	}
	return out
}

func deleteWith(set *appsv1.StatefulSet) appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy {
	return ptr.Deref(set.Spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
}
