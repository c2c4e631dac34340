package localcache

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// hearing is a handler that writes down what it is told, and may hold on to a call.
type hearing struct {
	mu    sync.Mutex
	heard []string
	more  chan struct{} // closed by what is heard next, where somebody waits
	hold  chan struct{}
}

func (h *hearing) note(format string, of ...any) {
	if h.hold != nil {
		<-h.hold
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = append(h.heard, fmt.Sprintf(format, of...))
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

func (h *hearing) OnAdd(now any, first bool) { h.note("add %v %v", now, first) }
func (h *hearing) OnUpdate(old, now any)     { h.note("update %v %v", old, now) }
func (h *hearing) OnDelete(now any)          { h.note("delete %v", now) }

// wait returns what has been heard when that is n things.
func (h *hearing) wait(t *testing.T, n int) []string {
	t.Helper()
	for end := time.After(patience); ; {
		h.mu.Lock()
		heard := slices.Clone(h.heard)
		if h.more == nil {
			h.more = make(chan struct{})
		}
		more := h.more
		h.mu.Unlock()
		if len(heard) >= n {
			return heard
		}
		select {
		case <-more:
		case <-end:
			t.Fatalf("heard %v, want %d things", heard, n)
		}
	}
}

func added(names ...string) *batch {
	b := &batch{}
	for _, name := range names {
		b.add(notice{kind: watch.Added, key: name, now: name}, 0)
	}
	return b
}

func started(t *testing.T) *delivery {
	t.Helper()
	d := newDelivery()
	d.start()
	t.Cleanup(d.stop)
	return d
}

func TestEachListenerHearsOfAllInOrder(t *testing.T) {
	d := started(t)
	early := &hearing{}
	registration := d.join("early", early, nil)
	d.tell(&batch{first: true, notices: added("a", "b").notices})
	<-registration.Done()
	late := &hearing{}
	<-d.join("late", late, &batch{first: true, notices: added("a", "b").notices}).Done()
	d.tell(&batch{notices: []notice{{kind: watch.Modified, key: "a", old: "a", now: "a2"}, {kind: watch.Deleted, key: "b", now: "b"}}})
	d.tell(added("c"))
	want := []string{"add a true", "add b true", "update a a2", "delete b", "add c false"}
	for _, h := range []*hearing{early, late} {
		if diff := cmp.Diff(want, h.wait(t, len(want))); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	}
}

func TestAListenerThatLeavesHearsNoMore(t *testing.T) {
	d := started(t)
	gone, stays := &hearing{}, &hearing{}
	d.leave(d.join("gone", gone, nil))
	d.join("stays", stays, nil)
	d.tell(added("a"))
	stays.wait(t, 1)
	if heard := gone.wait(t, 0); len(heard) > 0 {
		t.Errorf("who has left heard %v", heard)
	}
}

// A handler may take long for each of many changes: who stops, or takes it away, does not wait for all of them.
func TestTheEndComesWithinManyChanges(t *testing.T) {
	for name, end := range map[string]func(d *delivery, l *listener){
		"it leaves": func(d *delivery, l *listener) { d.leave(l) },
		"all ends":  func(d *delivery, _ *listener) { d.over.Store(true) }, // as stop begins, which waits for the call
	} {
		d := started(t)
		slow := &hearing{hold: make(chan struct{})}
		l := d.join("slow", slow, nil)
		d.tell(&batch{first: true, notices: added("a", "b", "c", "d").notices})
		slow.hold <- struct{}{}
		slow.wait(t, 1)
		end(d, l)
		close(slow.hold)
		d.stop()
		if heard := slow.wait(t, 1); len(heard) > 2 {
			t.Errorf("%s: %v was heard, one more than what was under way", name, heard)
		}
		if l.HasSynced() {
			t.Errorf("%s: it is said to have heard of all that there was", name)
		}
	}
}

func TestASlowListenerKeepsNobodyWaiting(t *testing.T) {
	d := started(t)
	slow, quick := &hearing{hold: make(chan struct{})}, &hearing{}
	d.join("slow", slow, nil)
	d.join("quick", quick, nil)
	for _, name := range []string{"a", "b", "c"} {
		d.tell(added(name))
	}
	want := []string{"add a false", "add b false", "add c false"}
	if diff := cmp.Diff(want, quick.wait(t, 3)); diff != "" {
		t.Errorf("the quick one heard (-want +got):\n%s", diff)
	}
	close(slow.hold)
	if diff := cmp.Diff(want, slow.wait(t, 3)); diff != "" {
		t.Errorf("the slow one heard (-want +got):\n%s", diff)
	}
	d.tell(added("d"))
	slow.wait(t, 4)
	quick.wait(t, 4)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.couriers != 1 {
		t.Errorf("%d couriers are left, want one", d.couriers)
	}
}

func TestWhatASlowListenerHasNotHeardIsMerged(t *testing.T) {
	d := started(t)
	slow := &hearing{hold: make(chan struct{})}
	l := d.join("slow", slow, nil)
	d.tell(added("a"))
	for n := range 3 * longest {
		d.tell(&batch{notices: []notice{{kind: watch.Modified, key: "a", old: n, now: n + 1}}})
	}
	d.mu.Lock()
	lag := l.lag
	d.mu.Unlock()
	if lag > 2*longest {
		t.Errorf("%d changes are kept for a listener", lag)
	}
	close(slow.hold)
	known := strconv.Itoa(3 * longest)
	for n := 1; ; n++ {
		if heard := slow.wait(t, n); strings.HasSuffix(heard[len(heard)-1], " "+known) || strings.HasSuffix(heard[len(heard)-1], " "+known+" false") {
			break
		}
	}
}

func TestMergedChangesOfAnObject(t *testing.T) {
	add, change := notice{kind: watch.Added, key: "a", now: 1}, notice{kind: watch.Modified, key: "a", old: 1, now: 2}
	again, gone := notice{kind: watch.Modified, key: "a", old: 2, now: 3}, notice{kind: watch.Deleted, key: "a", now: 3}
	for name, c := range map[string]struct{ changes, want []notice }{
		"nothing":                      {},
		"comes and changes":            {[]notice{add, change, again}, []notice{{kind: watch.Added, key: "a", now: 3}}},
		"comes and goes":               {[]notice{add, change, gone}, nil},
		"comes, goes and comes":        {[]notice{add, gone, add}, []notice{add}},
		"changes twice":                {[]notice{change, again}, []notice{{kind: watch.Modified, key: "a", old: 1, now: 3}}},
		"changes and goes":             {[]notice{change, gone}, []notice{gone}},
		"goes and comes":               {[]notice{gone, add}, []notice{{kind: watch.Modified, key: "a", old: 3, now: 1}}},
		"has gone unseen and comes":    {[]notice{{kind: watch.Deleted, key: "a", now: toolscache.DeletedFinalStateUnknown{Obj: 9}}, add}, []notice{{kind: watch.Modified, key: "a", old: 9, now: 1}}},
		"another one is left as it is": {[]notice{change, {kind: watch.Added, key: "b", now: 5}, again}, []notice{{kind: watch.Modified, key: "a", old: 1, now: 3}, {kind: watch.Added, key: "b", now: 5}}},
	} {
		end := &batch{}
		from := end
		for i := len(c.changes) - 1; i >= 0; i-- {
			from = &batch{notices: c.changes[i : i+1], next: from}
		}
		got := mergeAll(from, end).notices
		if len(got) == 0 && len(c.want) == 0 {
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(notice{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
