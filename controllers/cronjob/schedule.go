package cronjob

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// schedule is a cron expression: for each field the set of values that match, as bits.
// When both days are restricted, either may match.
type schedule struct {
	minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                bool
}

var errSchedule = errors.New("invalid cron schedule")

// field is what a field of the expression may hold.
type field struct {
	low, high int
	names     []string // of low, low+1, …
}

func fields() [5]field {
	return [5]field{
		{0, 59, nil},
		{0, 23, nil},
		{1, 31, nil},
		{1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
}

// parse reads five fields or a macro like @daily.
func parse(text string) (schedule, error) {
	switch strings.TrimSpace(text) {
	case "@yearly", "@annually":
		text = "0 0 1 1 *"
	case "@monthly":
		text = "0 0 1 * *"
	case "@weekly":
		text = "0 0 * * 0"
	case "@daily", "@midnight":
		text = "0 0 * * *"
	case "@hourly":
		text = "0 * * * *"
	}
	parts := strings.Fields(text)
	if len(parts) != 5 {
		return schedule{}, fmt.Errorf("%w: %q does not have five fields", errSchedule, text)
	}
	var bits [5]uint64
	for i, f := range fields() {
		set, err := f.parse(parts[i])
		if err != nil {
			return schedule{}, fmt.Errorf("%w: field %q: %w", errSchedule, parts[i], err)
		}
		bits[i] = set
	}
	if bits[4]&(1<<7) != 0 { // Sunday is 0 and 7
		bits[4] |= 1
	}
	star := func(part string) bool { return strings.HasPrefix(part, "*") || strings.HasPrefix(part, "?") }
	return schedule{bits[0], bits[1], bits[2], bits[3], bits[4], star(parts[2]), star(parts[4])}, nil
}

func (f field) parse(text string) (uint64, error) {
	set := uint64(0)
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n <= 0 {
				return 0, errors.New("step is no positive number")
			}
			step = n
		}
		low, high, err := f.span(span, stepped)
		if err != nil {
			return 0, err
		}
		for n := low; n <= high; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

// span reads "*", "5", "2-6" or names. With a step, a single number runs to the end.
func (f field) span(text string, stepped bool) (int, int, error) {
	if text == "*" || text == "?" {
		high := f.high
		if f.high == 7 {
			high = 6
		}
		return f.low, high, nil
	}
	first, last, ranged := strings.Cut(text, "-")
	low, err := f.value(first)
	if err != nil {
		return 0, 0, err
	}
	high := low
	switch {
	case ranged:
		if high, err = f.value(last); err != nil {
			return 0, 0, err
		}
	case stepped:
		high = f.high
	}
	if low > high {
		return 0, 0, errors.New("range is backwards")
	}
	return low, high, nil
}

func (f field) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.low + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high {
		return 0, fmt.Errorf("%q is not between %d and %d", text, f.low, f.high)
	}
	return n, nil
}

// next is the first time after t that matches, in t's location; zero if there is none
// within five years (the 30th of February).
func (s schedule) next(t time.Time) time.Time {
	t = t.Truncate(time.Minute).Add(time.Minute)
	limit := t.Year() + 5
	for t.Year() <= limit {
		y, m, d := t.Date()
		switch {
		case !has(s.month, int(m)):
			t = time.Date(y, m+1, 1, 0, 0, 0, 0, t.Location())
		case !s.matchesDay(t):
			t = later(t, time.Date(y, m, d+1, 0, 0, 0, 0, t.Location()))
		case !has(s.hour, t.Hour()):
			t = t.Add(time.Duration(60-t.Minute()) * time.Minute)
		case !has(s.minute, t.Minute()):
			t = t.Add(time.Minute)
		default:
			return t
		}
	}
	return time.Time{}
}

// later guards against days that begin twice where clocks are put back.
func later(t, next time.Time) time.Time {
	if next.After(t) {
		return next
	}
	return t.Add(time.Hour)
}

func (s schedule) matchesDay(t time.Time) bool {
	day, weekday := has(s.day, t.Day()), has(s.weekday, int(t.Weekday()))
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

func has(set uint64, n int) bool { return set&(1<<n) != 0 }
