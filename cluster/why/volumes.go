package why

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// volumes says what is the matter with the pod's claims.
func volumes(f *Facts, r *report) {
	for _, name := range f.MissingClaims {
		r.help = append(r.help, "create the PersistentVolumeClaim "+name+" in the namespace "+f.Pod.Namespace)
	}
	var lines []string
	for i := range f.Claims {
		claim := &f.Claims[i]
		if claim.DeletionTimestamp != nil {
			lines = append(lines, "claim "+claim.Name+" is being deleted")
		}
		if claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		lines = append(lines, claimLine(f, claim))
		switch {
		case claim.Status.Phase == corev1.ClaimLost:
			r.help = append(r.help, fmt.Sprintf("bring back the PersistentVolume %s that the claim was bound to, or delete the claim and make it anew: its data is lost then", claim.Spec.VolumeName))
		case f.Scheduler != nil && f.Scheduler.All != nil && !late(f, claim):
			r.help = append(r.help, fmt.Sprintf("have the claim bound, by a volume that fits or by a storage class that makes one: kubectl -n %s describe pvc %s", f.Pod.Namespace, claim.Name))
		}
	}
	r.add("Volumes", lines...)
}

func claimLine(f *Facts, claim *corev1.PersistentVolumeClaim) string {
	class := "no storage class"
	if name := ptr.Deref(claim.Spec.StorageClassName, ""); name != "" {
		class = "storage class " + name
	}
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	line := fmt.Sprintf("claim %s is %s: %s, %s, %s", claim.Name, strings.ToLower(string(claim.Status.Phase)), size.String(), modes(claim.Spec.AccessModes), class)
	if e := lastOf(f, claim); e != nil {
		return line + "; " + e.Reason + ": " + oneLine(e.Message)
	}
	return line
}

// lastOf is what was said last of a claim; nil for nothing.
func lastOf(f *Facts, claim *corev1.PersistentVolumeClaim) *corev1.Event {
	for _, e := range lately(f.ClaimEvents) {
		if e.InvolvedObject.Name == claim.Name {
			return &e
		}
	}
	return nil
}

// late says whether a claim was said to be bound not before its pod has a node.
func late(f *Facts, claim *corev1.PersistentVolumeClaim) bool {
	e := lastOf(f, claim)
	return e != nil && e.Reason == "WaitForFirstConsumer"
}

// unboundReason is what the scheduler has against all nodes when a claim does not wait for its pod, and is not bound either.
const unboundReason = "pod has unbound immediate PersistentVolumeClaims"

// unboundFor says of the first such claim why it is not bound.
func unboundFor(f *Facts) string {
	for i := range f.Claims {
		claim := &f.Claims[i]
		if claim.Status.Phase != corev1.ClaimPending || late(f, claim) {
			continue
		}
		if e := lastOf(f, claim); e != nil && e.Type == corev1.EventTypeWarning {
			return ": " + claim.Name + ": " + oneLine(e.Message)
		}
		return ": " + claim.Name
	}
	return ""
}

func modes(all []corev1.PersistentVolumeAccessMode) string {
	var names []string
	for _, mode := range all {
		names = append(names, string(mode))
	}
	return strings.Join(names, ",")
}

// unboundOf says which claims a pod that is being bound waits for.
func unboundOf(f *Facts) string {
	var names []string
	for i := range f.Claims {
		if f.Claims[i].Status.Phase != corev1.ClaimBound {
			names = append(names, f.Claims[i].Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; it waits for volumes of its claims: " + strings.Join(names, ", ")
}
