package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record/util"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// newsQuiet is how long nothing must have happened before what many pods have to tell is written.
	newsQuiet = 50 * time.Millisecond
	// newsLate is how long it is put off at most while more happens.
	newsLate = 5 * time.Second
	// newsWriters write at the same time: what is committed together costs the disk once.
	newsWriters = 4
	// maxNewsWaiting bounds what waits; beyond, events are dropped, as client-go's broadcaster does beyond 1,000.
	maxNewsWaiting = 20_000
)

// news writes the events that pods have been bound. It takes nothing from binding the next ones: what one pod has to tell
// is written at once, what many have when no more come, or in five seconds. There is one such event for a pod, so nothing
// is remembered of it, and no series is made.
type news struct {
	client client.Client
	clock  clock.Clock
	// host is the name of the machine, which events name.
	host string

	mu      sync.Mutex
	waiting []*eventsv1.Event
	last    time.Time
	alone   bool // what waits is the first for a while
	wake    chan struct{}
}

func newNews(c client.Client, clock clock.Clock) *news {
	host, _ := os.Hostname()
	return &news{client: c, clock: clock, host: host, wake: make(chan struct{}, 1)}
}

// newsRecorder records what is said of a pod that is bound as news, and everything else as the recorder in it does.
type newsRecorder struct {
	events.EventRecorderLogger
	news    *news
	profile string
}

// Eventf implements events.EventRecorder.
func (r newsRecorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) { //nolint:revive // the parameters are those of the interface
	pod, ok := regarding.(*corev1.Pod)
	if !ok || reason != "Scheduled" || related != nil {
		r.EventRecorderLogger.Eventf(regarding, related, eventType, reason, action, note, args...)
		return
	}
	now := r.news.clock.Now()
	r.news.add(&eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: pod.Namespace, Name: util.GenerateEventName(pod.Name, now.UnixNano())},
		EventTime:           metav1.NewMicroTime(now),
		ReportingController: r.profile, ReportingInstance: r.profile + "-" + r.news.host,
		Action: action, Reason: reason, Note: fmt.Sprintf(note, args...), Type: eventType,
		Regarding: corev1.ObjectReference{
			Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
		},
	})
}

func (n *news) add(event *eventsv1.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.clock.Now()
	n.alone = len(n.waiting) == 0 && now.Sub(n.last) >= newsQuiet
	n.last = now
	if len(n.waiting) == maxNewsWaiting {
		return
	}
	if n.waiting = append(n.waiting, event); len(n.waiting) == 1 {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// take returns events whose time has come, or how long that takes; nothing if there are none.
func (n *news) take() (due []*eventsv1.Event, wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) == 0 {
		return nil, 0
	}
	now := n.clock.Now()
	if !n.alone {
		wait = min(newsQuiet-now.Sub(n.last), newsLate-now.Sub(n.waiting[0].EventTime.Time))
	}
	if wait > 0 {
		return nil, wait
	}
	due = slices.Clone(n.waiting[:min(newsWriters, len(n.waiting))])
	if n.waiting = slices.Delete(n.waiting, 0, len(due)); len(n.waiting) == 0 {
		n.waiting, n.alone = nil, false
	}
	return due, 0
}

// run writes until ctx ends.
func (n *news) run(ctx context.Context) {
	for ctx.Err() == nil {
		due, wait := n.take()
		switch {
		case len(due) > 0:
			var all sync.WaitGroup
			for _, event := range due {
				all.Go(func() { n.write(ctx, event) })
			}
			all.Wait()
		case wait > 0:
			timer := n.clock.NewTimer(wait)
			select {
			case <-timer.C():
			case <-ctx.Done():
			}
			timer.Stop()
		default:
			select {
			case <-n.wake:
			case <-ctx.Done():
			}
		}
	}
}

func (n *news) write(ctx context.Context, event *eventsv1.Event) {
	if err := n.client.Create(ctx, event); err != nil && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "Writing an event failed", "event", client.ObjectKeyFromObject(event))
	}
}
