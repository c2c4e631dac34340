package recorders

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	newsWriters = 32
	// maxNewsWaiting bounds what waits; beyond, events are dropped, as client-go's broadcaster does beyond 1,000.
	maxNewsWaiting = 20_000
	// newsLast is how long at most what is left is written at the end.
	newsLast = 2 * time.Second
)

// news writes the events that pods have been bound, or go for others. It takes nothing from binding the next ones: what one pod has to tell
// is written at once, what many have when no more come, or in five seconds. There is one such event of each kind for a pod, so nothing
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
	dropped int  // that nobody has been told of
	wake    chan struct{}
}

func newNews(c client.Client, clock clock.Clock) *news {
	host, _ := os.Hostname()
	return &news{client: c, clock: clock, host: host, wake: make(chan struct{}, 1)}
}

// newsRecorder records what is said of a pod that is bound, or that goes for another one, as news, and everything else as the recorder in it does.
type newsRecorder struct {
	events.EventRecorderLogger
	news    *news
	profile string
}

// Eventf implements events.EventRecorder.
func (r newsRecorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) { //nolint:revive // the parameters are those of the interface
	pod, ok := regarding.(*corev1.Pod)
	if !ok || reason != "Scheduled" && reason != "Preempted" {
		r.EventRecorderLogger.Eventf(regarding, related, eventType, reason, action, note, args...)
		return
	}
	now := r.news.clock.Now()
	event := &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: pod.Namespace, Name: util.GenerateEventName(pod.Name, now.UnixNano())},
		EventTime:           metav1.NewMicroTime(now),
		ReportingController: r.profile, ReportingInstance: r.profile + "-" + r.news.host,
		Action: action, Reason: reason, Note: fmt.Sprintf(note, args...), Type: eventType, Regarding: reference(pod),
	}
	if other, ok := related.(*corev1.Pod); ok {
		to := reference(other)
		event.Related = &to
	}
	r.news.add(event)
}

func reference(pod *corev1.Pod) corev1.ObjectReference {
	return corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion}
}

func (n *news) add(event *eventsv1.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.clock.Now()
	n.alone = len(n.waiting) == 0 && now.Sub(n.last) >= newsQuiet
	n.last = now
	if len(n.waiting) == maxNewsWaiting {
		n.dropped++
		return
	}
	if n.waiting = append(n.waiting, event); len(n.waiting) == 1 {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// take returns an event whose time has come, or how long that takes; nothing if there are none. At the end the time of all has come.
func (n *news) take(end bool) (due *eventsv1.Event, wait time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) == 0 {
		return nil, 0
	}
	now := n.clock.Now()
	if !n.alone && !end {
		wait = min(newsQuiet-now.Sub(n.last), newsLate-now.Sub(n.waiting[0].EventTime.Time))
	}
	if wait > 0 {
		return nil, wait
	}
	due, n.waiting[0] = n.waiting[0], nil
	if n.waiting = n.waiting[1:]; len(n.waiting) == 0 {
		n.waiting, n.alone = nil, false
	}
	return due, 0
}

// run writes until ctx ends, and then what is left, for newsLast at most.
func (n *news) run(ctx context.Context) {
	writing, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() {
		last, done := context.WithTimeout(writing, newsLast)
		defer done()
		<-last.Done()
		end()
	})()
	defer n.tellDropped(ctx, true)
	w := newsWriting{news: n, ctx: ctx, writing: writing, turns: make(chan struct{}, newsWriters)}
	defer w.all.Wait()
	for writing.Err() == nil {
		due, wait := n.take(ctx.Err() != nil)
		switch {
		case due != nil:
			w.start(due)
			n.tellDropped(ctx, false)
		case ctx.Err() != nil:
			return
		default:
			n.sleep(ctx, wait)
		}
	}
}

// newsWriting are the writers of events. None waits for another: an event that is tried again holds up those that have a writer's turn alone.
type newsWriting struct {
	*news
	ctx, writing context.Context //nolint:containedctx // of one run
	turns        chan struct{}
	all          sync.WaitGroup
}

// start a writer with an event, when one of them has nothing to do. It goes from one event to the next, so that its stack, which the first
// has made large, serves all of them.
func (w *newsWriting) start(due *eventsv1.Event) {
	select {
	case w.turns <- struct{}{}:
	case <-w.writing.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dropped++
		return
	}
	w.all.Go(func() {
		defer func() { <-w.turns }()
		for event := due; event != nil; event = w.next(w.ctx, w.writing) {
			w.write(w.writing, event)
		}
	})
}

// next event whose time has come, if it can be written still.
func (n *news) next(ctx, writing context.Context) *eventsv1.Event {
	if writing.Err() != nil {
		return nil
	}
	due, _ := n.take(ctx.Err() != nil)
	return due
}

// sleep lasts until ctx ends, or so long; with nothing to wait for, until there is something.
func (n *news) sleep(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		select {
		case <-n.wake:
		case <-ctx.Done():
		}
		return
	}
	timer := n.clock.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-ctx.Done():
	}
}

func (n *news) write(ctx context.Context, event *eventsv1.Event) {
	err := n.deliver(ctx, event)
	switch {
	case err == nil || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause): // nobody will look
	case ctx.Err() != nil:
		n.mu.Lock()
		defer n.mu.Unlock()
		n.dropped++
	default:
		log.FromContext(ctx).Error(err, "Writing an event failed", "event", client.ObjectKeyFromObject(event))
	}
}

// tellDropped says how many events nobody will see: when no more wait, for until then there may be more of them, and at the end.
func (n *news) tellDropped(ctx context.Context, end bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if end {
		n.dropped += len(n.waiting)
		n.waiting = nil
	}
	if n.dropped == 0 || len(n.waiting) > 0 {
		return
	}
	log.FromContext(ctx).Info("Dropped events that pods are bound", "events", n.dropped)
	n.dropped = 0
}
