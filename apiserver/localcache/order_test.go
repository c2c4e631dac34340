package localcache

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// The end of a thing is told of when all kinds show what came before it: an owner that went first is not to be found then. Nothing else waits.
func TestEndsAreToldInTheirOrder(t *testing.T) {
	const before, end = 4, 5
	for why, test := range map[string]struct {
		at, changed int64 // of another kind
		goes        bool  // it leaves, in place of getting on
		waits       bool
	}{
		"it is behind":                 {at: before, changed: end, waits: true},
		"it is behind, and ends":       {at: before, changed: end, goes: true, waits: true},
		"it is behind for good":        {at: 3, changed: before, waits: true},
		"it has not changed meanwhile": {at: before, changed: before},
		"it is ahead":                  {at: 9, changed: 9},
		"it has only begun":            {at: 0, changed: 9},
	} {
		synctest.Test(t, func(t *testing.T) {
			among := &order{whole: func(context.Context, int64) error { return nil }}
			other := &progress{told: func() int64 { return test.changed }}
			other.revision.Store(test.at)
			among.join(other)
			d, h := newDelivery(), &hearing{}
			d.await = func(revision int64) bool { return among.await(t.Context(), revision) }
			d.start()
			defer d.stop()
			d.join("ours", h, nil)
			d.tell(added("a"))
			d.tell(&batch{after: end, notices: []notice{{kind: watch.Deleted, key: "a", now: "a"}}})
			synctest.Wait()
			if heard := slices.Clone(h.wait(t, 1)); (len(heard) < 2) != test.waits {
				t.Errorf("%s: heard %v", why, heard)
			}
			if test.goes {
				among.leave(other)
			} else {
				other.reach(test.changed)
			}
			h.wait(t, 2)
		})
	}
}

// Where the wait for what came before ends in vain, nothing is told any more: neither that end, nor what comes after it.
func TestNothingIsToldAfterAWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDelivery(), &hearing{}
		d.await = func(int64) bool { return false }
		d.start()
		defer d.stop()
		d.join("ours", h, nil)
		d.tell(added("a"))
		d.tell(&batch{after: 5, notices: []notice{{kind: watch.Deleted, key: "a", now: "a"}}})
		d.tell(added("b"))
		synctest.Wait()
		if heard := h.wait(t, 1); len(heard) != 1 {
			t.Errorf("heard %v", heard)
		}
	})
}

// Who hears late of many things at once hears of their ends in their order, too.
func TestMergedEndsKeepTheirOrder(t *testing.T) {
	first, last := added("a"), added("b")
	first.after, first.next = 7, last
	last.next = &batch{}
	if merged := mergeAll(first, last.next); merged.after != 7 {
		t.Errorf("after %d", merged.after)
	}
}

// A pod that is to be deleted is replaced at once: whoever hears of that has to know that its owner went first.
func TestTheBeginOfAnEndIsToldInItsOrder(t *testing.T) {
	there, went := &corev1.Pod{}, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}}
	for why, test := range map[string]struct {
		n     notice
		after int64
	}{
		"it changes":            {notice{watch.Modified, "a", there, there}, 0},
		"it is to be deleted":   {notice{watch.Modified, "a", there, went}, 7},
		"and changes then":      {notice{watch.Modified, "a", went, went}, 0},
		"it was to be, unheard": {notice{watch.Added, "a", nil, went}, 7},
		"it is gone":            {notice{watch.Deleted, "a", nil, toolscache.DeletedFinalStateUnknown{Key: "a", Obj: there}}, 7},
		"nothing of it changed": {notice{}, 0},
	} {
		b := &batch{}
		if b.add(test.n, 7); b.after != test.after {
			t.Errorf("%s: after %d, want %d", why, b.after, test.after)
		}
	}
}
