package apiserver

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

const (
	// compactAge is how old the past is at least when it is dropped: continued lists and late watchers need it for so long.
	// compactEvery is how often that is looked at; what is older than both together is gone.
	compactAge   = 5 * time.Minute
	compactEvery = compactAge / 2
)

// Compact drops the past from the store, as it grows, until ctx ends. When nothing is written it does nothing.
func (s *Server) Compact(ctx context.Context) error {
	var marks []int64 // revisions that were the latest at each look, the oldest first
	for {
		if len(marks) == 0 {
			if err := s.Cache.WaitFor(ctx, s.reader.Compacted.Load()+1); err != nil {
				return nil // ctx has ended
			}
		}
		marks = append(marks, s.Cache.Revision())
		look := s.Clock.NewTimer(compactEvery)
		select {
		case <-look.C():
		case <-ctx.Done():
			look.Stop()
			return nil
		}
		if len(marks) < int(compactAge/compactEvery) {
			continue // the oldest is too young
		}
		s.compact(ctx, marks[0])
		if marks = marks[1:]; marks[len(marks)-1] == s.Cache.Revision() && marks[0] == s.reader.Compacted.Load() {
			marks = nil // nothing was written meanwhile
		}
	}
}

// compact drops what was overwritten before a revision. The cache may remember more, but no list is continued there: what
// one server answers, all do.
func (s *Server) compact(ctx context.Context, revision int64) {
	if err := s.Store.Compact(ctx, revision); err != nil && !errors.Is(err, storage.ErrCompacted) {
		if ctx.Err() == nil {
			logr.FromContextOrDiscard(ctx).Error(err, "compacting the store failed", "revision", revision)
		}
		return
	}
	s.reader.Compacted.Store(revision)
}
