package kit

import (
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// What is to be looked at later comes when it is time, however slowly tickers tick.
func TestQueueIsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := NewQueue("", workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast))
		defer queue.ShutDown()
		request := reconcile.Request{}
		began := time.Now()
		queue.AddAfter(request, 3*time.Second)
		got, _ := queue.Get()
		if took := time.Since(began); got != request || took != 3*time.Second {
			t.Errorf("got %v after %s", got, took)
		}
		queue.Done(got)
		queue.AddRateLimited(request)
		if queue.Get(); time.Since(began) != 3*time.Second+retryFirst {
			t.Errorf("tried again after %s", time.Since(began)-3*time.Second)
		}
	})
}

func TestTickersAreUnhurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.WithTicker = unhurried{}
		ticker := c.NewTicker(time.Millisecond)
		defer ticker.Stop()
		began := time.Now()
		<-ticker.C()
		if took := time.Since(began); took != slowest {
			t.Errorf("ticked after %s", took)
		}
	})
}
