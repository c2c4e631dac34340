package queue

import (
	"container/heap"
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Queue of the pods that have no node yet. It is safe for concurrent use.
//
//	Add ---------> active --Pop--> in flight --Done--> (bound, gone)
//	  \ gated        ^  ^              |
//	   v             |  |           Failed
//	  waiting --Move-+  |              v
//	     \              +--time-- backing off <--- errors, or an event came during the attempt
//	      <--------------------------- waiting     otherwise, for five minutes at most
type Queue struct {
	Clock clock.WithTicker
	// Less orders active pods (the QueueSort plugin).
	Less fwk.LessFunc
	// Gate runs the PreEnqueue plugins and returns the name of the one that holds the pod back, or "".
	Gate func(ctx context.Context, pod *corev1.Pod) string
	// Hints of the plugins by plugin name: what may help a pod that the plugin has refused.
	Hints map[string][]fwk.ClusterEventWithHint
	// Backoff doubles from InitialBackoff to MaxBackoff with each failed attempt; defaults 1 s and 10 s.
	InitialBackoff, MaxBackoff time.Duration
	// MaxWaiting is how long a pod waits for an event before it is tried again anyhow; default 5 minutes.
	MaxWaiting time.Duration
	// Eager has pods tried before their backoff is over when there is nothing else to be tried, but not those that met an error
	// (SchedulerPopFromBackoffQ).
	Eager bool
	// Screen looks at an event once, and returns what says of a pod whether the event may help it against a plugin that has refused it, before the
	// plugin's own hints are asked; nil for always.
	Screen func(event fwk.ClusterEvent, old, changed any) func(p *state.PodInfo, plugin string) bool
	// Incoming is told which part of the queue a pod comes to ("active", "backoff", "unschedulable"), and after which event; nil for nobody.
	Incoming func(event, queue string)

	mu      sync.Mutex
	pods    map[types.UID]*Pod
	active  podHeap
	backoff podHeap
	waiting map[*Pod]struct{}
	aging   list.List // of them, those that no plugin gates, as they began to wait
	flight  map[types.UID]*Pod
	recent  []recorded // events since the oldest pod in flight was popped
	counter uint64
	wake    chan struct{} // buffered: something became active, or the first backoff changed
}

// recorded is an event that a pod in flight has not seen.
type recorded struct {
	number   uint64
	event    fwk.ClusterEvent
	old, new any
	of       types.UID // the only pod that it may help; "" for all
}

// Init prepares the queue. It must be called once, before anything else.
func (q *Queue) Init() {
	if q.InitialBackoff == 0 {
		q.InitialBackoff = time.Second
	}
	if q.MaxBackoff == 0 {
		q.MaxBackoff = 10 * time.Second
	}
	if q.MaxWaiting == 0 {
		q.MaxWaiting = maxWaiting
	}
	q.pods, q.flight, q.waiting = map[types.UID]*Pod{}, map[types.UID]*Pod{}, map[*Pod]struct{}{}
	q.active.less = func(a, b *Pod) bool { return q.Less(a, b) }
	q.backoff.less = func(a, b *Pod) bool { return a.backoffUntil.Before(b.backoffUntil) }
	q.wake = make(chan struct{}, 1)
}

// Add puts a new pod into the queue, or takes note of a change of one that is in it.
func (q *Queue) Add(ctx context.Context, pod *corev1.Pod) {
	info := state.NewPodInfo(pod)
	gate := q.Gate(ctx, pod)
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pods[pod.UID]
	if p == nil {
		p = &Pod{PodInfo: info, added: q.Clock.Now(), gate: gate}
		q.pods[pod.UID] = p
		if gate == "" {
			q.activate(p, podAdded)
		} else {
			q.wait(p, podAdded)
		}
		return
	}
	changes := own(p.PodInfo, info)
	p.PodInfo = info
	if q.flight[pod.UID] != nil {
		q.note(changes)
	}
	if p.held != "" {
		return
	}
	wasGated := p.gate != ""
	p.gate = gate
	switch {
	case p.where == active:
		heap.Fix(&q.active, p.index)
	case p.where == waiting && wasGated && gate == "":
		q.activate(p, ownLabel(changes))
	case p.where == waiting && gate == "":
		helps := func(r recorded) bool { return q.helps(p, r, q.screen(r)) }
		if at := slices.IndexFunc(changes, helps); at >= 0 {
			q.retry(p, ownLabel(changes[at:]))
		}
	}
}

// Remove forgets a pod that is gone or that somebody has bound.
func (q *Queue) Remove(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.pods[uid]
	if p == nil {
		return
	}
	q.leave(p)
	delete(q.pods, uid)
	delete(q.flight, uid)
	q.trim()
}

// Has says whether the pod is in the queue, waiting or being tried.
func (q *Queue) Has(uid types.UID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pods[uid] != nil
}

// Info is a pod of the queue as it is now, also while it is being tried; nil if it is not there.
func (q *Queue) Info(uid types.UID) *state.PodInfo {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.pods[uid]; p != nil {
		return p.PodInfo
	}
	return nil
}

// Pop waits for the next pod to be tried, and returns it as it is now: later changes do not show. It returns nil when
// ctx ends. Done or Failed must follow.
func (q *Queue) Pop(ctx context.Context) *Pod {
	for {
		p, next := q.tryPop()
		if p != nil {
			return p
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			t := q.Clock.NewTimer(next.Sub(q.Clock.Now()))
			timer = t.C()
			select {
			case <-ctx.Done():
				t.Stop()
				return nil
			case <-q.wake:
				t.Stop()
			case <-timer:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		}
	}
}

// tryPop returns the first active pod, or when the first backoff ends.
func (q *Queue) tryPop() (*Pod, time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.Clock.Now()
	for len(q.backoff.pods) > 0 && !q.backoff.pods[0].backoffUntil.After(now) {
		q.activate(heap.Pop(&q.backoff).(*Pod), backoffOver)
	}
	q.flush(now)
	if q.Eager && len(q.active.pods) == 0 {
		q.hurry()
	}
	if len(q.active.pods) == 0 {
		next := q.flushAt()
		if len(q.backoff.pods) > 0 {
			next = earlier(next, q.backoff.pods[0].backoffUntil)
		}
		return nil, next
	}
	p := heap.Pop(&q.active).(*Pod)
	p.where, p.changed, p.calm = inFlight, false, false
	p.seen = q.counter
	p.Attempts++
	if p.first == nil {
		p.first = &now
	}
	q.flight[p.GetPod().UID] = p
	tried := *p
	p.flushed = false
	return &tried, time.Time{}
}

// Calm has a pod that is being tried wait for its backoff if it fails: it had a node, and would have it again at once.
func (q *Queue) Calm(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.pods[uid]; p != nil {
		p.calm = true
	}
}

// hurry ends the backoff of the pod whose turn is next, if it is only for a lack of nodes that it backs off.
func (q *Queue) hurry() {
	var next *Pod
	for i, p := range q.backoff.pods {
		if p.errors == 0 && !p.calm && (next == nil || p.backoffUntil.Before(next.backoffUntil)) {
			next = p
		}
		if i == 0 && next != nil {
			break // the first of a heap is the least
		}
	}
	if next != nil {
		q.leave(next)
		q.activate(next, backoffEnded)
	}
}

// Done ends an attempt that has bound the pod, or that is pointless because the pod is gone.
func (q *Queue) Done(uid types.UID) { q.Remove(uid) }

// Binding says that a node was found and that binding the pod begins, which may take minutes: no events are kept for it
// any more. Done or Failed must still follow.
func (q *Queue) Binding(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.flight, uid)
	q.trim()
}

// Failed ends an attempt that found no node (refused names the plugins that refused) or met an error (refused is
// empty). The pod waits for an event that may help, unless one came during the attempt, or may have come during its
// binding. Failed returns whether the pod is still there.
func (q *Queue) Failed(uid types.UID, refused sets.Set[string]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	p, binding := q.pods[uid], q.flight[uid] == nil
	if p == nil || p.where != inFlight {
		delete(q.flight, uid)
		q.trim()
		return false
	}
	p.Refused, p.added = refused, q.Clock.Now()
	q.waiting[p], p.where = struct{}{}, waiting
	if len(refused) == 0 {
		p.errors++
		p.held = ""
		delete(q.flight, uid)
		q.trim()
		q.retry(p, attemptFailed)
		return true
	}
	p.errors = 0
	p.unschedulable++
	p.changed = p.changed || binding
	if p.held != "" {
		p.gate = p.held
		q.tell(attemptFailed, unschedulableQueue)
	} else if !q.landed(p, func(recorded) string { return attemptFailed }) {
		q.tell(attemptFailed, unschedulableQueue)
	}
	return true
}

// landed ends the flight of a pod that now waits. It says whether the pod is to be tried again, because of what came meanwhile; by names it
// for metrics.
func (q *Queue) landed(p *Pod, by func(recorded) string) bool {
	defer q.trim()
	uid := p.GetPod().UID
	delete(q.flight, uid)
	missed := func(r recorded) bool {
		return r.number > p.seen && (r.of == "" || r.of == uid) && q.helps(p, r, q.screen(r))
	}
	at := slices.IndexFunc(q.recent, missed)
	switch {
	case at >= 0:
		q.retry(p, by(q.recent[at]))
	case p.changed:
		q.retry(p, attemptFailed)
	default:
		q.age(p)
		return false
	}
	return true
}

// Move tells the queue what happened in the cluster: pods that it may help are tried again after their backoff.
func (q *Queue) Move(event fwk.ClusterEvent, old, changed any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counter++
	r := recorded{number: q.counter, event: event, old: old, new: changed}
	if len(q.flight) > 0 {
		q.recent = append(q.recent, r)
	}
	screen := q.screen(r)
	for p := range q.waiting {
		if p.gate == "" && q.helps(p, r, screen) {
			q.retry(p, r.label())
		}
	}
}

// screen is nil for what changed of a pod itself: it is asked for that one pod, whose plugins say enough.
func (q *Queue) screen(r recorded) func(*state.PodInfo, string) bool {
	if q.Screen == nil || r.of != "" {
		return nil
	}
	return q.Screen(r.event, r.old, r.new)
}

// helps asks the plugins that have refused the pod.
func (q *Queue) helps(p *Pod, r recorded, screen func(*state.PodInfo, string) bool) bool {
	for plugin := range p.Refused {
		for _, hint := range q.Hints[plugin] {
			matches := hint.Event.Resource == r.event.Resource || hint.Event.Resource == fwk.WildCard || r.event.Resource == fwk.WildCard
			if !matches || hint.Event.ActionType&r.event.ActionType == 0 || screen != nil && !screen(p.PodInfo, plugin) {
				continue
			}
			if hint.QueueingHintFn == nil {
				return true
			}
			if verdict, err := hint.QueueingHintFn(klog.Background(), p.GetPod(), r.old, r.new); err != nil || verdict == fwk.Queue {
				return true
			}
		}
	}
	return false
}

// retry makes a waiting pod active when its backoff is over.
func (q *Queue) retry(p *Pod, event string) {
	failures := p.unschedulable + p.errors
	p.backoffUntil = p.added
	if failures > 0 {
		p.backoffUntil = p.added.Add(min(q.InitialBackoff<<min(failures-1, 10), q.MaxBackoff))
	}
	if !p.backoffUntil.After(q.Clock.Now()) {
		q.activate(p, event)
		return
	}
	q.leave(p)
	p.where = backingOff
	heap.Push(&q.backoff, p)
	q.tell(event, backoffQueue)
	q.signal()
}

func (q *Queue) wait(p *Pod, event string) {
	p.where = waiting
	q.waiting[p] = struct{}{}
	q.tell(event, unschedulableQueue)
}

func (q *Queue) activate(p *Pod, event string) {
	delete(q.waiting, p)
	q.unage(p)
	p.where = active
	heap.Push(&q.active, p)
	q.tell(event, activeQueue)
	q.signal()
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) leave(p *Pod) {
	switch p.where {
	case active:
		heap.Remove(&q.active, p.index)
	case backingOff:
		heap.Remove(&q.backoff, p.index)
	case waiting:
		delete(q.waiting, p)
		q.unage(p)
	}
	p.where = nowhere
}

// trim drops the events that no pod in flight can have missed.
func (q *Queue) trim() {
	oldest := q.counter
	for _, p := range q.flight {
		oldest = min(oldest, p.seen)
	}
	for len(q.recent) > 0 && q.recent[0].number <= oldest {
		q.recent = q.recent[1:]
	}
}
