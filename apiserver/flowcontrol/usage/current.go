package usage

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	prefix = "apiserver_flowcontrol_"
	// The phases of a request.
	waiting, executing = "waiting", "executing"
)

// Current is how many requests of all levels wait and are worked on, those that change something apart from the others.
type Current struct {
	mu     sync.Mutex
	since  time.Time
	phases [4]phase
}

// phase is one of waiting and executing, of one kind of request.
type phase struct {
	number, most int
	Histogram
}

// NewCurrent returns one of no requests.
func NewCurrent() *Current {
	c := &Current{}
	for i := range c.phases {
		c.phases[i].Histogram = New([]float64{0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1})
	}
	return c
}

// Bound says for how many requests there is room in queues, and how many may be worked on. It begins to count with the first call.
func (c *Current) Bound(room, seats int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		c.since = now
	}
	for i, most := range []int{room, room, seats, seats} {
		p := &c.phases[i]
		p.most = most
		p.Set(p.number, most, now.Sub(c.since))
	}
}

// Wait adds to the requests that wait.
func (c *Current) Wait(mutating bool, more int, now time.Time) { c.add(at(mutating), more, now) }

// Execute adds to the requests that are worked on.
func (c *Current) Execute(mutating bool, more int, now time.Time) { c.add(at(mutating)+2, more, now) }

func at(mutating bool) int {
	if mutating {
		return 1
	}
	return 0
}

func (c *Current) add(index, more int, now time.Time) {
	c.mu.Lock()
	p := &c.phases[index]
	p.number += more
	p.Set(p.number, p.most, now.Sub(c.since))
	c.mu.Unlock()
}

func currentDesc() *prometheus.Desc {
	return prometheus.NewDesc(prefix+"read_vs_write_current_requests", "Requests at the end of every nanosecond, as a fraction of how many there may be.", []string{"phase", "request_kind"}, nil)
}

// Describe tells what Collect tells of.
func (c *Current) Describe(to chan<- *prometheus.Desc) {
	to <- currentDesc()
	to <- queuedDesc()
}

func queuedDesc() *prometheus.Desc {
	return prometheus.NewDesc("apiserver_current_inqueue_requests", "Requests that wait for their turn.", []string{"request_kind"}, nil)
}

// Collect tells what was counted up to a time.
func (c *Current) Collect(to chan<- prometheus.Metric, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.phases {
		c.phases[i].Pass(now.Sub(c.since))
	}
	of := currentDesc()
	for i, phase := range []string{waiting, executing} {
		to <- c.phases[2*i].Metric(of, phase, "readOnly")
		to <- c.phases[2*i+1].Metric(of, phase, "mutating")
	}
	queued := queuedDesc()
	to <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(c.phases[at(false)].number), "readOnly")
	to <- prometheus.MustNewConstMetric(queued, prometheus.GaugeValue, float64(c.phases[at(true)].number), "mutating")
}
