package queue

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// Look is where a pod stands in the queue.
type Look struct {
	// Where is "active", "backing off", "waiting" (for an event), "gated" or "in flight" (being tried or bound).
	Where string
	// Gate names the plugin that holds the pod back.
	Gate string
	// Attempts so far.
	Attempts int
	// Refused names the plugins that found no node at the last attempt.
	Refused []string
	// Since is when the pod came to the queue, or when its last attempt ended.
	Since time.Time
	// Until is when its back-off ends.
	Until time.Time
}

// Look says where a pod stands, and whether it is in the queue at all.
func (q *Queue) Look(uid types.UID) (Look, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pods[uid]
	if p == nil {
		return Look{}, false
	}
	l := Look{Gate: p.gate, Attempts: p.Attempts, Refused: sets.List(p.Refused), Since: p.added}
	switch p.where {
	case active:
		l.Where = "active"
	case backingOff:
		l.Where, l.Until = "backing off", p.backoffUntil
	case inFlight:
		l.Where = "in flight"
	default:
		l.Where = "waiting"
		if p.gate != "" {
			l.Where = "gated"
		}
	}
	return l, true
}
