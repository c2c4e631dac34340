package flowcontrol

import (
	"sync"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/hand"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/usage"
)

// Reasons for turning a request away, as the metrics name them.
const (
	reasonLimit     = "concurrency-limit"
	reasonFull      = "queue-full"
	reasonTime      = "time-out"
	reasonCancelled = "cancelled"
)

// level is a PriorityLevelConfiguration at work. As long as nobody waits, a request takes its seats and goes on; the queues, and
// the virtual time that keeps them fair, begin with the first that finds too few.
type level struct {
	name string
	born time.Time
	// Of the configuration, changed with it alone.
	uid   []string // as a header
	share share

	mu      sync.Mutex
	exempt  bool
	queuing *flowcontrolv1.QueuingConfiguration // nil turns away whom there is no seat for
	dealer  hand.Dealer
	// contended is told, not under the lock, that a request found no seat.
	contended func()

	limit int // seats, at present
	seats int // in use

	first     *Ticket // of those under way
	executing int

	queues       []*queue
	waiting      int // requests in them
	waitingSeats int
	busy         int     // queues that are not idle
	virtual      float64 // seat seconds that each busy queue has had
	virtualAt    time.Time
	turn         int // the queue that was served last
	pressed      bool
	demand       demand
	usage        usage.Level

	stats  map[string]*stats
	totals struct{ dispatched, rejected, timedOut, cancelled int64 }
}

// enter gives the ticket its seats, or a place in a queue. Without either it returns why.
func (l *level) enter(t *Ticket, now time.Time) (rejected string) {
	l.mu.Lock()
	if l.admit(t, now) {
		l.mu.Unlock()
		return ""
	}
	l.pressed = true
	rejected = l.enqueue(t, now)
	l.mu.Unlock()
	l.contended()
	if rejected == "" {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.admit(t, now) { // others may have lent what it needs
		return ""
	}
	if rejected = l.enqueue(t, now); rejected != "" {
		l.totals.rejected++
	}
	return rejected
}

// admit gives the ticket its seats, if they are free.
func (l *level) admit(t *Ticket, now time.Time) bool {
	free := l.exempt || l.waiting == 0 && l.fits(t.work.seats)
	if free {
		l.begin(t, now)
	}
	return free
}

// fits says whether so many seats are free. A request that is wider than the level has the level to itself; but in the queues of a
// level without any seat it waits in vain.
func (l *level) fits(seats int) bool {
	return l.seats+seats <= l.limit || l.seats == 0 && (l.limit > 0 || l.queuing == nil)
}

func (l *level) begin(t *Ticket, now time.Time) {
	t.started = now
	l.seats += t.work.seats
	l.executing++
	l.totals.dispatched++
	t.stats.executing++
	t.stats.seats += t.work.seats
	t.previous, t.next = nil, l.first
	if l.first != nil {
		l.first.previous = t
	}
	l.first = t
	l.note(now)
}

// note has what was changed count from now on.
func (l *level) note(now time.Time) {
	wanted, at := l.seats+l.waitingSeats, l.age(now)
	l.demand.set(wanted, at)
	l.usage.Set(usage.Numbers{
		Waiting: l.waiting, Room: l.room(), Executing: l.executing, Seats: l.seats, Limit: l.limit, Demand: wanted, Nominal: l.share.nominal,
	}, at)
}

func (l *level) age(now time.Time) time.Duration { return now.Sub(l.born) }

// room is for how many requests there is room in the queues.
func (l *level) room() int {
	if l.queuing == nil {
		return 0
	}
	return int(l.queuing.Queues) * int(l.queuing.QueueLengthLimit)
}

// enqueue has the request wait where its flow has the least before it.
func (l *level) enqueue(t *Ticket, now time.Time) (rejected string) {
	if l.queuing == nil {
		return reasonLimit
	}
	q := l.choose(t)
	if q.length >= int(l.queuing.QueueLengthLimit) {
		return reasonFull
	}
	l.advance(now)
	if q.idle() {
		q.start = l.virtual
		l.busy++
	}
	t.granted = make(chan struct{})
	q.push(t)
	l.waiting++
	l.waitingSeats += t.work.seats
	t.stats.waiting++
	t.stats.waitingSeats += t.work.seats
	t.stats.observed.queued(q.length)
	l.note(now)
	l.dispatch(now)
	return ""
}

func (l *level) choose(t *Ticket) *queue {
	for len(l.queues) < int(l.queuing.Queues) {
		l.queues = append(l.queues, &queue{index: len(l.queues)})
	}
	var space [hand.Max]int
	hash := l.dealer.Hash(t.schema.name, t.schema.distinguisher(t.info, t.caller))
	hand := hand.Deal(hash, int(l.queuing.Queues), min(int(l.queuing.HandSize), hand.Max), space[:])
	var best *queue
	for i := range hand {
		// Two flows with a queue in common do not begin with the same one.
		q := l.queues[hand[(i+int(hash%uint64(len(hand))))%len(hand)]] //nolint:gosec // a length
		if best == nil || q.burden() < best.burden() {
			best = q
		}
	}
	return best
}

// advance brings the virtual time up to now: the seats in use are divided among the queues that are not idle.
func (l *level) advance(now time.Time) {
	if l.busy > 0 {
		used := min(l.seats+l.waitingSeats, l.limit)
		l.virtual += now.Sub(l.virtualAt).Seconds() * float64(used) / float64(l.busy)
	}
	l.virtualAt = now
}

// dispatch serves as many of the waiting as there are seats for, in the order of fairness. A wide request that is the next waits
// until it fits, and the others behind it.
func (l *level) dispatch(now time.Time) {
	for l.waiting > 0 {
		q := l.next()
		t := q.first
		if !l.exempt && !l.fits(t.work.seats) {
			return
		}
		l.takeOut(t)
		q.start += float64(t.work.seats) * guessed
		q.executing++
		q.inUse += t.work.seats
		l.turn = q.index
		l.begin(t, now)
		close(t.granted)
	}
}

// next is the queue whose first request would end first in virtual time; among equals, the one after the last that was served.
func (l *level) next() *queue {
	var best *queue
	for i := range l.queues {
		q := l.queues[(l.turn+1+i)%len(l.queues)]
		if q.first != nil && (best == nil || q.finish() < best.finish()) {
			best = q
		}
	}
	return best
}

func (l *level) takeOut(t *Ticket) {
	t.queue.remove(t)
	l.waiting--
	l.waitingSeats -= t.work.seats
	t.stats.waiting--
	t.stats.waitingSeats -= t.work.seats
}

// abandon takes out who has waited long enough. It returns false if it was served meanwhile.
func (l *level) abandon(t *Ticket, reason string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.waiting {
		return false
	}
	l.advance(now)
	l.takeOut(t)
	if t.queue.idle() {
		l.busy--
	}
	if reason == reasonCancelled {
		l.totals.cancelled++
	} else {
		l.totals.timedOut++
	}
	l.note(now)
	l.dispatch(now) // it may have been what the others had to wait for
	return true
}

// leave gives the seats back, or those that are needed for some time yet.
func (l *level) leave(t *Ticket, now time.Time) (later int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(now)
	if t.previous == nil {
		l.first = t.next
	} else {
		t.previous.next = t.next
	}
	if t.next != nil {
		t.next.previous = t.previous
	}
	l.executing--
	t.stats.executing--
	t.stats.seats -= t.work.seats
	if !l.exempt {
		later = t.work.after
	}
	l.seats -= t.work.seats - later
	if q := t.queue; q != nil {
		took := float64(t.work.seats)*now.Sub(t.started).Seconds() + float64(later)*t.work.afterFor.Seconds()
		q.start += took - float64(t.work.seats)*guessed
		q.executing--
		q.inUse -= t.work.seats
		if q.idle() {
			l.busy--
		}
	}
	l.note(now)
	l.dispatch(now)
	return later
}

// release gives back what leave kept.
func (l *level) release(seats int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(now)
	l.seats -= seats
	l.note(now)
	l.dispatch(now)
}

// grant sets how many seats there are.
func (l *level) grant(limit int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(now)
	l.limit = limit
	l.note(now)
	l.dispatch(now)
}
