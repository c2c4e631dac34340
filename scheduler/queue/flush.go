package queue

import "time"

// maxWaiting is how long a pod waits for an event unless it is said otherwise.
const maxWaiting = 5 * time.Minute

// Pods that wait for an event are in the order in which they began to, so that one timer, for the first of them, is enough. Should a hint
// have been wrong or an event lost, a pod is tried again when it has waited for long.

// age has a pod that waits for an event be tried again after a while.
func (q *Queue) age(p *Pod) {
	p.waits = q.Clock.Now()
	p.aging = q.aging.PushBack(p)
	if q.aging.Len() == 1 {
		q.signal()
	}
}

// unage says that the pod waits no longer.
func (q *Queue) unage(p *Pod) {
	if p.aging != nil {
		q.aging.Remove(p.aging)
		p.aging = nil
	}
}

// flush has the pods tried again that have waited for long.
func (q *Queue) flush(now time.Time) {
	for at := q.flushAt(); !at.IsZero() && !at.After(now); at = q.flushAt() {
		p := q.aging.Front().Value.(*Pod)
		q.unage(p)
		if p.gate == "" {
			p.flushed = true
			q.retry(p, waitedLong)
		}
	}
}

// flushAt is when the first pod will have waited for long; zero if none waits.
func (q *Queue) flushAt() time.Time {
	if first := q.aging.Front(); first != nil {
		return first.Value.(*Pod).waits.Add(q.MaxWaiting)
	}
	return time.Time{}
}

// earlier of two times, of which either may be none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
