package flowcontrol

// guessed is how long a request is taken to last, in seconds, until it has.
const guessed = 0.003

// queue is where requests of some flows wait. Its clock, start, is the virtual time at which its next request begins: it runs
// ahead by the work that the queue is given, and the queue whose clock is most behind is served next. Of two queues, one with a
// request of 10 seats and one with ten of a seat each, the second gets all of its ten through while the first gets one.
type queue struct {
	index       int
	first, last *Ticket
	length      int // that wait
	seats       int // that they want
	executing   int // requests that have left it and are under way
	inUse       int // seats of these
	start       float64
}

func (q *queue) idle() bool { return q.length == 0 && q.executing == 0 }

// burden is what a flow looks at when it chooses from its hand.
func (q *queue) burden() int { return q.seats + q.inUse }

// finish is the virtual time at which the first of the queue would end.
func (q *queue) finish() float64 { return q.start + float64(q.first.work.seats)*guessed }

func (q *queue) push(t *Ticket) {
	t.queue, t.waiting, t.previous, t.next = q, true, q.last, nil
	if q.last == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
	q.length++
	q.seats += t.work.seats
}

// remove takes a request out, wherever it stands.
func (q *queue) remove(t *Ticket) {
	if t.previous == nil {
		q.first = t.next
	} else {
		t.previous.next = t.next
	}
	if t.next == nil {
		q.last = t.previous
	} else {
		t.next.previous = t.previous
	}
	t.waiting, t.previous, t.next = false, nil, nil
	q.length--
	q.seats -= t.work.seats
}
