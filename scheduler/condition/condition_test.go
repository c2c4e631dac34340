package condition

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/ptr"
)

// A pod is patched to what it would be if its status were written anew.
func TestPatches(t *testing.T) {
	before, now := metav1.NewTime(time.Unix(1000, 0).UTC()), metav1.NewTime(time.Unix(2000, 0).UTC())
	says := func(kind corev1.PodConditionType, status corev1.ConditionStatus, reason, message string, at metav1.Time) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: at}
	}
	ready := says(corev1.PodReady, corev1.ConditionFalse, "", "", before)
	unschedulable := func(message string, at metav1.Time) corev1.PodCondition {
		return says(corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable, message, at)
	}
	for _, c := range []struct {
		why       string
		has, want corev1.PodStatus
		change    Change
		none      bool
	}{
		{
			why: "the first condition", change: Change{Condition: unschedulable("no room", now)},
			want: corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room", now)}},
		},
		{
			why: "beside others, with a node", has: corev1.PodStatus{Conditions: []corev1.PodCondition{ready}},
			change: Change{unschedulable("no room", now), ptr.To("n1")},
			want:   corev1.PodStatus{Conditions: []corev1.PodCondition{ready, unschedulable("no room", now)}, NominatedNodeName: "n1"},
		},
		{
			why:    "another message has the same time, and the nomination is withdrawn",
			has:    corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room", before), ready}, NominatedNodeName: "n1"},
			change: Change{unschedulable("no room at all", now), ptr.To("")},
			want:   corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room at all", before), ready}},
		},
		{
			why: "nothing new", has: corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room", before)}, NominatedNodeName: "n1"},
			change: Change{unschedulable("no room", now), ptr.To("n1")}, none: true,
			want: corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room", before)}, NominatedNodeName: "n1"},
		},
		{
			why: "the node alone", has: corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room", before)}},
			change: Change{unschedulable("no room", now), ptr.To("n1")},
			want:   corev1.PodStatus{Conditions: []corev1.PodCondition{unschedulable("no room", before)}, NominatedNodeName: "n1"},
		},
	} {
		patch, err := c.change.patch(&c.has)
		if err != nil || (patch == nil) != c.none {
			t.Errorf("%s: %s, %v", c.why, patch, err)
			continue
		}
		got := c.has
		if patch != nil {
			got = apply(t, c.has, patch)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.why, diff)
		}
	}
}

// apply a patch as an API server does.
func apply(t *testing.T, status corev1.PodStatus, patch []byte) corev1.PodStatus {
	t.Helper()
	whole, err := json.Marshal(corev1.Pod{Status: status})
	if err != nil {
		t.Fatal(err)
	}
	patched, err := strategicpatch.StrategicMergePatch(whole, patch, corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := json.Unmarshal(patched, &pod); err != nil {
		t.Fatal(err)
	}
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastTransitionTime = metav1.NewTime(pod.Status.Conditions[i].LastTransitionTime.UTC())
	}
	return pod.Status
}
