package usage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Level is what of a priority level is in use. Who changes it holds a lock.
type Level struct {
	waiting, executing, seats, demand Histogram
}

// Numbers of a level: what is in use, and how much there is.
type Numbers struct {
	// Waiting are requests in queues that have Room for so many.
	Waiting, Room int
	// Executing are requests that are worked on, on Seats of at most Limit.
	Executing, Seats, Limit int
	// Demand is how many seats could be used, of so many that are the level's own.
	Demand, Nominal int
}

// NewLevel returns a level of which nothing is in use.
func NewLevel() Level {
	requests := []float64{0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1}
	return Level{
		waiting: New(requests), executing: New(requests),
		seats: New([]float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1}), demand: New([]float64{0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6}),
	}
}

// Set changes the numbers, at a time since the level began.
func (l *Level) Set(n Numbers, at time.Duration) {
	l.waiting.Set(n.Waiting, n.Room, at)
	l.executing.Set(n.Executing, n.Limit, at)
	l.seats.Set(n.Seats, n.Limit, at)
	l.demand.Set(n.Demand, n.Nominal, at)
}

// LevelDescs describe what Collect tells.
type LevelDescs struct{ requests, seats, demand *prometheus.Desc }

// NewLevelDescs returns upstream's names.
func NewLevelDescs() LevelDescs {
	const level = "priority_level"
	return LevelDescs{
		requests: prometheus.NewDesc(prefix+"priority_level_request_utilization",
			"Requests at the end of every nanosecond, as a fraction of how many there may be.", []string{"phase", level}, nil),
		seats: prometheus.NewDesc(prefix+"priority_level_seat_utilization",
			"Seats in use at the end of every nanosecond, as a fraction of those that there are.", []string{level}, prometheus.Labels{"phase": executing}),
		demand: prometheus.NewDesc(prefix+"demand_seats",
			"Seats that could be used at the end of every nanosecond, as a fraction of the level's own.", []string{level}, nil),
	}
}

// Describe tells all of them.
func (d LevelDescs) Describe(to chan<- *prometheus.Desc) {
	to <- d.requests
	to <- d.seats
	to <- d.demand
}

// Collect tells what was counted of the level of a name up to a time.
func (l *Level) Collect(to chan<- prometheus.Metric, d LevelDescs, name string, at time.Duration) {
	for _, h := range []*Histogram{&l.waiting, &l.executing, &l.seats, &l.demand} {
		h.Pass(at)
	}
	to <- l.waiting.Metric(d.requests, waiting, name)
	to <- l.executing.Metric(d.requests, executing, name)
	to <- l.seats.Metric(d.seats, name)
	to <- l.demand.Metric(d.demand, name)
}
