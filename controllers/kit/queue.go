package kit

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// slowest is how often a queue looks after what it tells of unfinished work, where it would do so twice a second: with
// some sixty queues that is most of what an idle server does.
const slowest = 10 * time.Second

// unhurried is a clock whose tickers tick no more often than that. All else is as fast as ever.
type unhurried struct{ clock.RealClock }

// NewTicker implements clock.WithTicker.
func (c unhurried) NewTicker(d time.Duration) clock.Ticker {
	return c.RealClock.NewTicker(max(d, slowest))
}

// newQueue is the queue of a controller, in order of arrival. (One with priorities may miss that it is shut down.)
func newQueue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Name: name, Clock: unhurried{}})
}
