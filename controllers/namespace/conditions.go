package namespace

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
)

// setConditions reports what was found. The same finding changes nothing.
func setConditions(status *corev1.NamespaceStatus, found *content, now time.Time) {
	set := func(kind corev1.NamespaceConditionType, bad bool, reason, message string) {
		next := corev1.NamespaceCondition{
			Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(now),
		}
		if bad {
			next.Status = corev1.ConditionTrue
		}
		for i := range status.Conditions {
			if have := &status.Conditions[i]; have.Type == kind {
				if have.Status != next.Status || have.Reason != next.Reason || have.Message != next.Message {
					*have = next
				}
				return
			}
		}
		status.Conditions = append(status.Conditions, next)
	}
	if found.discovery != nil {
		set(corev1.NamespaceDeletionDiscoveryFailure, true, "DiscoveryFailed", fmt.Sprintf("Discovery failed for some groups, %d failing: %v", failing(found.discovery), found.discovery))
	} else {
		set(corev1.NamespaceDeletionDiscoveryFailure, false, "ResourcesDiscovered", "All resources successfully discovered")
	}
	set(corev1.NamespaceDeletionGVParsingFailure, false, "ParsedGroupVersions", "All legacy kube types successfully parsed")
	if len(found.deletion) > 0 {
		set(corev1.NamespaceDeletionContentFailure, true, "ContentDeletionFailed",
			"Failed to delete all resource types, "+fmt.Sprintf("%d remaining: ", len(found.deletion))+errors.Join(found.deletion...).Error())
	} else {
		set(corev1.NamespaceDeletionContentFailure, false, "ContentDeleted", "All content successfully deleted, may be waiting on finalization")
	}
	if resources := remainingResources(found); resources != "" {
		set(corev1.NamespaceContentRemaining, true, "SomeResourcesRemain", "Some resources are remaining: "+resources)
	} else {
		set(corev1.NamespaceContentRemaining, false, "ContentRemoved", "All content successfully removed")
	}
	if finalizers := remainingFinalizers(found); finalizers != "" {
		set(corev1.NamespaceFinalizersRemaining, true, "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: "+finalizers)
	} else {
		set(corev1.NamespaceFinalizersRemaining, false, "ContentHasNoFinalizers", "All content-preserving finalizers finished")
	}
}

// remainingResources is like "pods. has 2 resource instances, widgets.example.com has 1 …".
// failing is how many groups did not answer.
func failing(err error) int {
	if groups, ok := discovery.GroupDiscoveryFailedErrorGroups(err); ok {
		return len(groups)
	}
	return 1
}

func remainingResources(found *content) string {
	var parts []string
	for gr, n := range found.counts {
		parts = append(parts, fmt.Sprintf("%s.%s has %d resource instances", gr.Resource, gr.Group, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func remainingFinalizers(found *content) string {
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(found.finalizers), cmp.Compare[string]) {
		parts = append(parts, fmt.Sprintf("%s in %d resource instances", name, found.finalizers[name]))
	}
	return strings.Join(parts, ", ")
}
