package recorders

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refusing answers with errors, one after the other, and then takes what it is given.
type refusing struct {
	client.Client
	errs  []error
	asked int
}

func (r *refusing) Create(context.Context, client.Object, ...client.CreateOption) error {
	if r.asked++; r.asked <= len(r.errs) {
		return r.errs[r.asked-1]
	}
	return nil
}

func TestNewsIsToldAgainWhereThatMayHelp(t *testing.T) {
	kind := schema.GroupResource{Group: "events.k8s.io", Resource: "events"}
	busy, no, there := apierrors.NewTooManyRequests("later", 1), apierrors.NewForbidden(kind, "e", errors.New("no")), apierrors.NewAlreadyExists(kind, "e")
	for name, c := range map[string]struct {
		errs  []error
		asked int
		fails bool
		after time.Duration
	}{
		"taken":               {nil, 1, false, 0},
		"refused":             {[]error{no}, 1, true, 0},
		"busy twice":          {[]error{busy, busy}, 3, false, 400 * time.Millisecond},
		"busy, then refused":  {[]error{busy, no}, 2, true, 100 * time.Millisecond},
		"taken, unanswered":   {[]error{context.DeadlineExceeded, there}, 2, false, 100 * time.Millisecond},
		"another of its name": {[]error{there}, 1, true, 0},
		"busy for long":       {[]error{busy, busy, busy, busy, busy, busy}, newsTries, true, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, began := &refusing{errs: c.errs}, time.Now()
				err := newNews(r, clock.RealClock{}).deliver(t.Context(), &eventsv1.Event{})
				if r.asked != c.asked || (err != nil) != c.fails || time.Since(began) != c.after {
					t.Errorf("asked %d times, %v after %v", r.asked, err, time.Since(began))
				}
			})
		})
	}
}
