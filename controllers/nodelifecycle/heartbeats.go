package nodelifecycle

import (
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// heartbeats remembers when, by our own clock, a node last showed a sign of life: clocks
// of nodes are not trusted.
type heartbeats struct {
	mu   sync.Mutex
	seen map[string]heartbeat
}

type heartbeat struct {
	renewed  metav1.MicroTime // by the lease
	reported metav1.Time      // by the Ready condition
	at       time.Time        // by our clock
}

// lease records a node's lease. It says whether that is a new sign of life.
func (h *heartbeats) lease(lease *coordinationv1.Lease, now time.Time) bool {
	if lease.Spec.RenewTime == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	beat := h.seen[lease.Name]
	if beat.renewed.Equal(lease.Spec.RenewTime) {
		return false
	}
	beat.renewed, beat.at = *lease.Spec.RenewTime, now
	h.seen[lease.Name] = beat
	return true
}

// status records a node's own report, and returns when it was last alive. A node that was
// never seen counts from now, or from its creation when it has not reported at all.
func (h *heartbeats) status(node *corev1.Node, now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	beat, known := h.seen[node.Name]
	ready := condition(node, corev1.NodeReady)
	switch {
	case ready == nil && !known:
		return node.CreationTimestamp.Time
	case ready != nil && !beat.reported.Equal(&ready.LastHeartbeatTime):
		beat.reported, beat.at = ready.LastHeartbeatTime, now
	case !known:
		beat.at = now
	}
	h.seen[node.Name] = beat
	return beat.at
}

func (h *heartbeats) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.seen, name)
}

func condition(node *corev1.Node, kind corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}
