package apiserver

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

const (
	// compactEvery is how many revisions may come before the past is dropped, and compactAge how old it is then at least:
	// continued lists and late watchers need it for so long.
	compactEvery = 1000
	compactAge   = 5 * time.Minute
)

// Compact drops the past from the store, as it grows, until ctx ends. When nothing is written it does nothing.
func (s *Server) Compact(ctx context.Context) error {
	for {
		upTo := s.Cache.Revision() + compactEvery
		if err := s.Cache.WaitFor(ctx, upTo); err != nil {
			return nil // ctx has ended
		}
		aged := s.Clock.NewTimer(compactAge)
		select {
		case <-aged.C():
		case <-ctx.Done():
			aged.Stop()
			return nil
		}
		if err := s.Store.Compact(ctx, upTo); err != nil && !errors.Is(err, storage.ErrCompacted) && ctx.Err() == nil {
			logr.FromContextOrDiscard(ctx).Error(err, "compacting the store failed", "revision", upTo)
		}
	}
}
