package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// unit of a figure, as it is printed.
type unit string

const (
	perSecond unit = "/s"
	seconds   unit = "s"
	millis    unit = "ms"
	micros    unit = "µs"
	mebibytes unit = "MiB"
	kibibytes unit = "KiB"
	percent   unit = "% of a core"
)

// figure is one thing that was measured.
type figure struct {
	what  string
	unit  unit
	value float64
	// p50 and p99 of what a rate consists of, if it does.
	p50, p99 time.Duration
	// client is the same of the program that measures, if it is told.
	client float64
}

// rate is the figure of repeated calls.
func rate(what string, r load.Result) figure {
	return figure{what: what, unit: perSecond, value: r.Rate, p50: r.Took.Percentile(50), p99: r.Took.Percentile(99)}
}

// duration is a figure in milliseconds.
func duration(what string, d time.Duration) figure {
	return figure{what: what, unit: millis, value: d.Seconds() * 1000}
}

// row is what was measured of one thing in all rounds.
type row struct {
	scenario string
	figure   figure // what and unit alone
	of       map[string][]figure
}

// results in the order in which they came.
type results struct{ rows []*row }

func newResults() *results { return &results{} }

func (r *results) add(scenario, peer string, f figure) {
	for _, row := range r.rows {
		if row.scenario == scenario && row.figure.what == f.what {
			row.of[peer] = append(row.of[peer], f)
			return
		}
	}
	r.rows = append(r.rows, &row{scenario: scenario, figure: f, of: map[string][]figure{peer: {f}}})
}

// median of the figures of a peer, each part for itself; false when there is none.
func (r *row) median(peer string) (figure, bool) {
	all := r.of[peer]
	if len(all) == 0 {
		return figure{}, false
	}
	return figure{
		what: r.figure.what, unit: r.figure.unit,
		value: middle(all, func(f figure) float64 { return f.value }),
		p50:   middle(all, func(f figure) time.Duration { return f.p50 }),
		p99:   middle(all, func(f figure) time.Duration { return f.p99 }),

		client: middle(all, func(f figure) float64 { return f.client }),
	}, true
}

func middle[T cmp.Ordered](all []figure, part func(figure) T) T {
	values := make([]T, 0, len(all))
	for _, f := range all {
		values = append(values, part(f))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// ratio says how many times better Coxswain is: more calls in a second, or less of anything else, latencies too.
func (r *row) ratio() string {
	upstream, ok := r.median("upstream")
	ours, too := r.median("Coxswain")
	if !ok || !too || upstream.value == 0 || ours.value == 0 {
		return ""
	}
	ratio := upstream.value / ours.value
	if r.figure.unit == perSecond {
		ratio = 1 / ratio
	}
	text := number(ratio)
	if ours.p50 != 0 && ours.p99 != 0 {
		text += fmt.Sprintf(", p50 %s, p99 %s", number(float64(upstream.p50)/float64(ours.p50)), number(float64(upstream.p99)/float64(ours.p99)))
	}
	return text
}

// cell is what a table shows of a peer.
func (r *row) cell(peer string) string {
	f, ok := r.median(peer)
	if !ok {
		return ""
	}
	text := number(f.value) + string(f.unit)
	if f.unit != perSecond {
		text = number(f.value) + " " + string(f.unit)
	}
	if f.p50 != 0 {
		text += fmt.Sprintf(", p50 %s ms, p99 %s ms", number(f.p50.Seconds()*1000), number(f.p99.Seconds()*1000))
	}
	if f.client != 0 {
		text += fmt.Sprintf(", client %s %s", number(f.client), f.unit)
	}
	return text
}

// number with as many digits as mean something.
func number(v float64) string {
	switch {
	case v >= 1000:
		whole := fmt.Sprintf("%.0f", v)
		return whole[:len(whole)-3] + "," + whole[len(whole)-3:]
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// print writes all rows as text.
func (r *results) print(to io.Writer) {
	for _, row := range r.rows {
		fmt.Fprintf(to, "%-10s %-62s %-38s %-38s %s\n", row.scenario, row.figure.what, row.cell("Coxswain"), row.cell("upstream"), row.ratio())
	}
}
