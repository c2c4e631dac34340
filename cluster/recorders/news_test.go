package recorders

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// written notes when events are written.
type written struct {
	client.Client
	mu    sync.Mutex
	began time.Time
	at    map[string]time.Duration // by note
	took  time.Duration
	never string // the note of an event that the API has no room for
}

func (w *written) Create(ctx context.Context, obj client.Object, _ ...client.CreateOption) error {
	if w.took > 0 {
		select {
		case <-time.After(w.took):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if w.never != "" && obj.(*eventsv1.Event).Note == w.never {
		return apierrors.NewTooManyRequests("later", 1)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[obj.(*eventsv1.Event).Note] = time.Since(w.began)
	return nil
}

func (w *written) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

func TestNewsWaitsForQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{began: time.Now(), at: map[string]time.Duration{}}
		n := newNews(w, clock.RealClock{})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { n.run(ctx) })
		tell := func(name string) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
			newsRecorder{news: n, profile: "default-scheduler"}.Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding", "%s", name)
			synctest.Wait()
		}
		tell("alone")
		if w.count() != 1 {
			t.Fatal("the event of one pod waits")
		}
		for i := range 800 { // for 8 s
			tell(fmt.Sprint(i))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		stop()
		running.Wait()
		if w.count() != 801 {
			t.Errorf("%d events were written, want 801", w.count())
		}
		if at := w.at["0"]; at != newsLate {
			t.Errorf("the first of many was written after %v, want %v", at, newsLate)
		}
		if at := w.at["799"]; at != 7990*time.Millisecond+newsQuiet {
			t.Errorf("the last was written after %v, want when all was quiet", at)
		}
	})
}

// An event that is tried again keeps the next ones from nothing.
func TestNewsWaitsForNoOtherNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &written{began: time.Now(), at: map[string]time.Duration{}, never: "0"}
		n := newNews(w, clock.RealClock{})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { n.run(ctx) })
		for i := range 3 {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(i)}}
			newsRecorder{news: n, profile: "default-scheduler"}.Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding", "%d", i)
			time.Sleep(200 * time.Millisecond)
		}
		if w.at["1"] != 200*time.Millisecond || w.at["2"] != 400*time.Millisecond {
			t.Errorf("the next ones were written at %v", w.at)
		}
		stop()
		running.Wait()
	})
}

// What is bound before the end is told at the end, and what could not be told is counted.
func TestNewsTellsWhatIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		took    time.Duration // writing one event
		pods    int
		written int
		said    string
	}{
		"all":                      {time.Millisecond, 1000, 1000, ""},
		"while there is time":      {90 * time.Millisecond, 1000, 704, `"Dropped events that pods are bound" "events"=296`},
		"no more than are waiting": {0, maxNewsWaiting + 7, maxNewsWaiting, `"Dropped events that pods are bound" "events"=7`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &written{began: time.Now(), at: map[string]time.Duration{}, took: c.took}
				n := newNews(w, clock.RealClock{})
				var said []string
				ctx, stop := context.WithCancel(logr.NewContext(t.Context(), funcr.New(func(_, args string) { said = append(said, args) }, funcr.Options{})))
				for i := range c.pods {
					pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(i)}}
					newsRecorder{news: n, profile: "default-scheduler"}.Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding", "%d", i)
				}
				stop()
				n.run(ctx)
				if w.count() != c.written {
					t.Errorf("%d events were written, want %d", w.count(), c.written)
				}
				if got := strings.Join(said, ""); !strings.Contains(got, c.said) || c.said == "" && got != "" {
					t.Errorf("it said %s", got)
				}
			})
		})
	}
}

func TestNewsIsWhatTheRecorderWouldSay(t *testing.T) {
	n := newNews(nil, clock.RealClock{})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u", ResourceVersion: "7"}}
	newsRecorder{news: n, profile: "default-scheduler"}.Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding", "Successfully assigned %s/%s to %s", "shop", "web", "n1")
	e := n.waiting[0]
	if e.Note != "Successfully assigned shop/web to n1" || e.Regarding.UID != "u" || e.Regarding.ResourceVersion != "7" || e.ReportingInstance != "default-scheduler-"+n.host || e.Namespace != "shop" {
		t.Errorf("%+v", e)
	}
}
