package usage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Histogram of one quotient. Of bounds 0.5 and 1, a quotient that is 1/4 for 3 ns and 3/4 for 2 ns makes buckets of 3 and 5, a
// count of 5 and a sum of 2.25.
type Histogram struct {
	bounds      []float64
	part, whole int
	quotient    float64
	at          time.Duration // up to which it was counted, since a time that its owner chose
	slot        int           // of the bounds, the first that is not below the quotient
	lasted      []int64       // nanoseconds by slot; the last is for what is above all bounds
	sum         float64
}

// New returns a histogram of a quotient that is 0.
func New(bounds []float64) Histogram {
	return Histogram{bounds: bounds, whole: 1, lasted: make([]int64, len(bounds)+1)}
}

// Pass counts the quotient up to a time. One before the last does not count.
func (h *Histogram) Pass(at time.Duration) {
	passed := at - h.at
	if passed <= 0 {
		return
	}
	h.at = at
	h.lasted[h.slot] += int64(passed)
	h.sum += h.quotient * float64(passed)
}

// Set changes the quotient at a time. What is divided by nothing is divided by 1.
func (h *Histogram) Set(part, whole int, at time.Duration) {
	if part == h.part && whole == h.whole {
		return
	}
	h.Pass(at)
	h.part, h.whole = part, whole
	h.quotient = float64(part) / float64(max(whole, 1))
	h.slot = 0
	for h.slot < len(h.bounds) && h.quotient > h.bounds[h.slot] {
		h.slot++
	}
}

// Metric is what was counted up to the last Pass.
func (h *Histogram) Metric(of *prometheus.Desc, labels ...string) prometheus.Metric {
	buckets, count := make(map[float64]uint64, len(h.bounds)), uint64(0)
	for i, bound := range h.bounds {
		count += uint64(h.lasted[i]) //nolint:gosec // time that has passed is not negative
		buckets[bound] = count
	}
	count += uint64(h.lasted[len(h.bounds)]) //nolint:gosec // as above
	return prometheus.MustNewConstHistogram(of, count, h.sum, buckets, labels...)
}
