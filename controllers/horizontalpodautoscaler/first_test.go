package horizontalpodautoscaler

import (
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// later is a queue that notes when what is asked for.
type later struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	after map[string]time.Duration
}

func (l *later) AddAfter(request reconcile.Request, wait time.Duration) {
	l.after[request.String()] = wait
}

// A new autoscaler is looked at when its first period is over: looked at at once, it was in the way of the controller of its new target, and
// said that it had failed.
func TestNewAutoscalerWaitsForItsFirstPeriod(t *testing.T) {
	c := &Controller{Settings: kit.Autoscaling{Period: 15 * time.Second}}
	hpa, queue := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}, &later{after: map[string]time.Duration{}}
	key := client.ObjectKeyFromObject(hpa)
	c.first().Create(t.Context(), event.CreateEvent{Object: hpa}, queue)
	if wait, woken := queue.after[key.String()]; !woken || wait != 15*time.Second {
		t.Errorf("it is looked at after %v", queue.after)
	}
	before := c.historyOf(key)
	c.first().Update(t.Context(), event.UpdateEvent{ObjectOld: hpa, ObjectNew: hpa}, queue)
	c.first().Delete(t.Context(), event.DeleteEvent{Object: hpa}, queue)
	if len(queue.after) != 1 || c.historyOf(key) == before {
		t.Errorf("a deleted one is remembered, or woken: %v", queue.after)
	}
}
