package extensions

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// failed has a definition be synced again whose status could not be written, unless that is about to happen anyway: of another write that
// came in between, and of a deletion, there will be an event.
func (e *Extensions) failed(ctx context.Context, s *state, err error) {
	log := logr.FromContextOrDiscard(ctx).WithValues("definition", s.latest.Name)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		log.V(1).Info("Another write of a definition came before that of its status", "reason", err.Error())
		s.retry, s.wait = time.Time{}, 0
		return
	}
	s.wait = min(max(2*s.wait, retryFirst), retryMost)
	s.retry = e.Clock.Now().Add(s.wait)
	log.Error(err, "The status of a definition cannot be written")
}

// next waits for events, or until a definition is to be synced again.
func (e *Extensions) next(ctx context.Context, watcher *cache.Watcher) ([]cache.Event, error) {
	var soonest time.Time
	for _, s := range e.states {
		if !s.retry.IsZero() && (soonest.IsZero() || s.retry.Before(soonest)) {
			soonest = s.retry
		}
	}
	if soonest.IsZero() {
		return watcher.Next(ctx)
	}
	until, stop := context.WithCancel(ctx)
	defer stop()
	timer := e.Clock.NewTimer(soonest.Sub(e.Clock.Now()))
	defer timer.Stop()
	go func() {
		select {
		case <-timer.C():
			stop()
		case <-until.Done():
		}
	}()
	events, err := watcher.Next(until)
	if err != nil && until.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return events, err
}

// syncFailed syncs what is to be synced again by now.
func (e *Extensions) syncFailed(ctx context.Context) {
	now := e.Clock.Now()
	for name, s := range e.states {
		if !s.retry.IsZero() && !s.retry.After(now) {
			e.sync(ctx, name)
		}
	}
}
