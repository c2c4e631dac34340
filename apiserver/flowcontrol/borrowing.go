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

// demand measures how many seats a level could use, over one period.
type demand struct {
	on      bool // measured only while requests wait somewhere
	seats   int
	since   time.Time
	at      time.Time
	high    int
	sum     float64 // of seats times seconds
	squares float64
	smooth  float64
}

func (d *demand) start(seats int, now time.Time) {
	*d = demand{on: true, seats: seats, since: now, at: now, high: seats, smooth: d.smooth}
}

func (d *demand) set(seats int, now time.Time) {
	if !d.on {
		return
	}
	d.pass(now)
	d.seats, d.high = seats, max(d.high, seats)
}

func (d *demand) pass(now time.Time) {
	seconds := now.Sub(d.at).Seconds()
	d.sum += float64(d.seats) * seconds
	d.squares += float64(d.seats) * float64(d.seats) * seconds
	d.at = now
}

// wish is what a level says at the end of a period.
type wish struct {
	share
	average, deviation float64
	high               int
	smooth             float64 // what it is likely to want: falls slowly, rises at once
}

// end closes a period and begins the next.
func (d *demand) end(s share, now time.Time) wish {
	d.pass(now)
	w := wish{share: s, high: d.high}
	if seconds := now.Sub(d.since).Seconds(); seconds > 0 {
		w.average = d.sum / seconds
		w.deviation = math.Sqrt(max(0, d.squares/seconds-w.average*w.average))
	}
	envelope := min(float64(w.high), w.average+w.deviation)
	d.smooth = max(envelope, smoothing*d.smooth+(1-smoothing)*envelope)
	w.smooth = d.smooth
	d.start(d.seats, now)
	return w
}

// floor is what a level keeps in any case: all that it can use of its own.
func (w wish) floor() int { return max(w.lower, min(w.nominal, w.high)) }

// lend divides total among the levels: each gets its floor, and what is left goes to all in proportion to what they wish,
// as far as they may borrow. Three levels of 10 seats each that can lend all, with wishes of 30, 5 and 0, get 24, 5 and 1
// or so: the factor by which all wishes are multiplied is searched for that uses up the total.
func lend(total int, wishes []wish) (limits []int, factor float64) {
	limits = make([]int, len(wishes))
	least, most := 0, 0
	for _, w := range wishes {
		least += w.floor()
		most += max(w.upper, w.floor())
	}
	at := func(factor float64, w wish) float64 {
		return min(float64(max(w.upper, w.floor())), max(float64(w.floor()), factor*max(w.smooth, float64(w.floor()), 1)))
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
