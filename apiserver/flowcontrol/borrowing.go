package flowcontrol

import (
	"math"
	"time"
)

const (
	// adjustEvery is how often levels lend and borrow anew, while requests wait.
	adjustEvery = 10 * time.Second
	// smoothing is how much of an old demand is left after adjustEvery: half after five minutes.
	smoothing = 0.977
)

// share is what a level has of the server's seats. It lends down to lower and borrows up to upper.
type share struct{ nominal, lower, upper int }

// shareOf divides total by shares. lendable and borrowing are percentages of the result; borrowing may be nil for no bound.
func shareOf(total int, shares, sum int32, lendable int32, borrowing *int32) share {
	nominal := 0
	if sum > 0 {
		nominal = int(math.Ceil(float64(total) * float64(shares) / float64(sum)))
	}
	s := share{nominal: nominal, upper: nominal + total}
	s.lower = nominal - percent(nominal, lendable)
	if borrowing != nil {
		s.upper = nominal + percent(nominal, *borrowing)
	}
	return s
}

func percent(of int, percentage int32) int {
	return int(math.Round(float64(of) * float64(percentage) / 100))
}

// demand measures how many seats a level could use, over one period after the other. While requests wait somewhere, a timer ends
// the periods; at rest, whoever changes the demand or looks at it ends those that have passed.
type demand struct {
	timed        bool
	seats, high  int
	since, at    time.Duration // the age of the level
	sum, squares int64         // of seats times nanoseconds
	last         figures       // of the last period that has ended
}

// figures are what is found of one period.
type figures struct {
	average, deviation float64
	high               int
	smooth             float64 // what is likely to be wanted: falls slowly, rises at once
}

// start begins a period, whatever has passed of another.
func (d *demand) start(seats int, now time.Duration) {
	*d = demand{timed: d.timed, seats: seats, since: now, at: now, high: seats, last: d.last}
}

func (d *demand) set(seats int, now time.Duration) {
	d.look(now)
	d.pass(now)
	d.seats, d.high = seats, max(d.high, seats)
}

func (d *demand) pass(now time.Duration) {
	used := int64(d.seats) * int64(now-d.at)
	d.sum += used
	d.squares += int64(d.seats) * used
	d.at = now
}

// look ends the periods that have passed at rest. In all but the first of them nothing changed.
func (d *demand) look(now time.Duration) {
	passed := now - d.since
	if d.timed || passed < adjustEvery {
		return
	}
	d.end(d.since + adjustEvery)
	if quiet := int(passed/adjustEvery) - 1; quiet > 0 {
		level := float64(d.seats)
		smooth := max(level, level+(d.last.smooth-level)*math.Pow(smoothing, float64(quiet)))
		d.last = figures{average: level, high: d.seats, smooth: smooth}
		d.start(d.seats, d.since+time.Duration(quiet)*adjustEvery)
	}
}

// end closes a period and begins the next.
func (d *demand) end(now time.Duration) figures {
	d.pass(now)
	f := figures{high: d.high}
	if passed := float64(now - d.since); passed > 0 {
		f.average = float64(d.sum) / passed
		f.deviation = math.Sqrt(max(0, float64(d.squares)/passed-f.average*f.average))
	}
	envelope := min(float64(f.high), f.average+f.deviation)
	f.smooth = max(envelope, smoothing*d.last.smooth+(1-smoothing)*envelope)
	d.last = f
	d.start(d.seats, now)
	return f
}

// wish is what a level says at the end of a period. One that is exempt lends what it does not use, and needs nobody's seats.
type wish struct {
	share
	figures
	exempt bool
}

// floor is what a level keeps in any case: all that it can use of its own.
func (w wish) floor() int { return max(w.lower, min(w.nominal, w.high)) }

// ceiling is what a level can have at most.
func (w wish) ceiling() int {
	if w.exempt {
		return w.floor()
	}
	return max(w.upper, w.floor())
}

// target is what a level is given in proportion to.
func (w wish) target() float64 { return max(w.smooth, float64(w.floor())) }

// lend divides the seats of all levels among them: each gets its floor, and what is left goes to all in proportion to what they wish,
// as far as they may borrow. Those seats are a few more than the server's, because each level's own are rounded up. Three levels of
// 10 seats each that can lend all, with wishes of 30, 5 and 0, get 24, 5 and 1 or so: the factor by which all wishes are multiplied
// is searched for that uses up the total.
func lend(wishes []wish) (limits []int, factor float64) {
	limits = make([]int, len(wishes))
	total, least, most := 0, 0, 0
	for _, w := range wishes {
		total, least, most = total+w.nominal, least+w.floor(), most+w.ceiling()
	}
	at := func(factor float64, w wish) float64 {
		return min(float64(w.ceiling()), max(float64(w.floor()), factor*max(w.target(), 1)))
	}
	switch {
	case least >= total:
		factor = 0
	case most <= total:
		factor = math.MaxFloat64
	default:
		low, high := 0.0, float64(total)
		for range 60 {
			factor = (low + high) / 2
			sum := 0.0
			for _, w := range wishes {
				sum += at(factor, w)
			}
			if sum > float64(total) {
				high = factor
			} else {
				low = factor
			}
		}
	}
	for i, w := range wishes {
		limits[i] = int(math.Round(at(factor, w)))
	}
	return limits, factor
}
