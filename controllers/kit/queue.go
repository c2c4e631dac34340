package kit

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
)

// slowest is how often a queue looks after what it tells of unfinished work, where it would do so twice a second, and whether it
// has missed a time to wake, which it does not. With some fifty queues that is most of what an idle server would do.
const slowest = time.Minute

// unhurried is a clock whose tickers tick no more often than that. All else is as fast as ever.
type unhurried struct{ clock.RealClock }

// NewTicker implements clock.WithTicker.
func (c unhurried) NewTicker(d time.Duration) clock.Ticker {
	return c.RealClock.NewTicker(max(d, slowest))
}

// NewQueue is the queue of a controller, in order of arrival. (One with priorities may miss that it is shut down.)
func NewQueue[request comparable](name string, limiter workqueue.TypedRateLimiter[request]) workqueue.TypedRateLimitingInterface[request] {
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[request]{Name: name, Clock: unhurried{}})
}
