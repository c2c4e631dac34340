package queue

import "k8s.io/apimachinery/pkg/types"

// Activate tries a waiting pod now, whatever it waits for; a plugin asks for it. One that is being tried is tried again
// after its backoff.
func (q *Queue) Activate(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pods[uid]
	switch {
	case p == nil || p.gate != "":
	case p.where == inFlight:
		p.changed = true
	case p.where == waiting || p.where == backingOff:
		q.leave(p)
		q.activate(p, "ForceActivate")
	}
}

// Retry tries a pod again after its backoff, whatever it waits for.
func (q *Queue) Retry(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pods[uid]
	switch {
	case p == nil || p.gate != "":
	case p.where == inFlight:
		p.changed = true
	case p.where == waiting:
		q.retry(p, attemptFailed)
	}
}

// Hold keeps a pod that is being tried from being tried again, in the name of a plugin, until Release: the plugin is about to do something for
// it. What happens meanwhile and may help is not forgotten.
func (q *Queue) Hold(uid types.UID, plugin string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.pods[uid]; p != nil && p.where == inFlight {
		p.held = plugin
	}
}

// Release ends Hold. The pod waits for an event that may help, unless one came meanwhile; if what was done for it has failed, it is tried again
// when its backoff is over.
func (q *Queue) Release(uid types.UID, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pods[uid]
	if p == nil || p.held == "" {
		return
	}
	p.held = ""
	p.changed, p.calm = p.changed || failed, p.calm || failed
	if p.where != waiting {
		return
	}
	p.gate = ""
	q.landed(p, recorded.label)
}
