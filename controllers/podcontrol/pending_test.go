package podcontrol

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func pod(name, revision string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), ResourceVersion: revision}}
}

func TestPendingWaitsForCreates(t *testing.T) {
	p := NewPending()
	p.Created("owner", pod("a", "10"))
	p.Created("owner", pod("b", "12"))
	if Settled(p, "owner", p.Seen(), []*corev1.Pod{pod("a", "10")}) {
		t.Error("settled before b was seen")
	}
	p.Observe(pod("x", "11"))
	if Settled(p, "owner", p.Seen(), []*corev1.Pod{pod("a", "10")}) {
		t.Error("settled by an older event")
	}
	p.Observe(pod("b", "15")) // came and went
	if !Settled(p, "owner", p.Seen(), []*corev1.Pod{pod("a", "10")}) {
		t.Error("not settled though a later event was seen")
	}
}

func TestPendingWaitsForDeletes(t *testing.T) {
	p := NewPending()
	a := pod("a", "10")
	p.Deleted("owner", a.UID)
	if Settled(p, "owner", p.Seen(), []*corev1.Pod{a}) {
		t.Error("settled while the pod is listed as living")
	}
	deleted := metav1.Now()
	a.DeletionTimestamp = &deleted
	if !Settled(p, "owner", p.Seen(), []*corev1.Pod{a}) || len(p.owners) != 0 {
		t.Error("not settled though the pod is being deleted")
	}
}
