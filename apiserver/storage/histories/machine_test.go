package histories

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

const (
	prefix      = storage.Root + "things/"
	anyRevision = storage.Any
)

func key(cell int) string { return prefix + strconv.Itoa(cell) }

// machine is what clients talk to. An error says that the answer is not known.
type machine interface {
	do(ctx context.Context, r request) (answer, error)
}

// server answers from a store, and from a cache of it.
type server struct {
	store storage.Store
	cache *cache.Cache
	kind  *cache.Resource
}

// newServer answers once its cache, which runs until ctx ends, is ready.
func newServer(ctx context.Context, store storage.Store, change ...func(*cache.Cache)) (*server, error) {
	s := &server{store: store, cache: cache.New(store)}
	for _, f := range change {
		f(s.cache)
	}
	s.kind = s.cache.Add(cache.Kind{Name: "things", Prefix: prefix, Decode: decode})
	go func() { _ = s.cache.Run(ctx) }() // it ends with ctx
	select {
	case <-s.cache.Ready():
		return s, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func decode(value []byte, _ int64) (runtime.Object, error) {
	return &corev1.ConfigMap{Data: map[string]string{"v": string(value)}}, nil
}

func (s *server) do(ctx context.Context, r request) (a answer, err error) {
	a.Outcome = done
	switch r.Kind {
	case get:
		found, err := s.store.Get(ctx, key(r.Cell))
		if errors.Is(err, storage.ErrNotFound) {
			return a, nil
		}
		a.Seen[r.Cell] = brief(found)
		return a, err
	case list:
		page, err := s.store.Range(ctx, storage.Range{Prefix: prefix})
		for _, found := range page.Records {
			a.Seen[cellOf(found.Key)] = brief(found)
		}
		a.Revision = page.Revision
		return a, err
	case cachedGet:
		if err := s.cache.WaitCommitted(ctx); err != nil {
			return a, err
		}
		if found, ok := s.kind.GetKey(key(r.Cell)); ok {
			a.Seen[r.Cell] = briefEntry(found)
		}
		return a, nil
	case cachedList:
		if err := s.cache.WaitCommitted(ctx); err != nil {
			return a, err
		}
		whole := s.kind.Snapshot()
		whole.Ascend("", "", func(found *cache.Entry) bool {
			a.Seen[cellOf(found.Key)] = briefEntry(found)
			return true
		})
		a.Revision = whole.Revision
		return a, nil
	}
	return s.write(ctx, r)
}

func (s *server) write(ctx context.Context, r request) (a answer, err error) {
	ops := []storage.Op{{Key: key(r.Cell), Value: []byte(r.Value), Expected: r.Expected}}
	switch r.Kind {
	case remove:
		ops[0].Value = nil
	case writeBoth:
		ops = append(ops, storage.Op{Key: key((r.Cell + 1) % cells), Value: []byte(r.Value), Expected: anyRevision})
	}
	a.Revision, err = s.store.Commit(ctx, ops...)
	var now *storage.ConflictError
	switch {
	case err == nil:
		a.Outcome = done
	case errors.Is(err, storage.ErrExists):
		return answer{Outcome: exists}, nil
	case errors.Is(err, storage.ErrNotFound):
		return answer{Outcome: missing}, nil
	case errors.As(err, &now):
		a = answer{Outcome: conflict}
		a.Seen[r.Cell] = brief(now.Current)
		return a, nil
	}
	return a, err
}

func brief(r storage.Record) record { return record{Value: string(r.Value), Revision: r.Revision} }

func briefEntry(e *cache.Entry) record {
	return record{Value: e.Object.(*corev1.ConfigMap).Data["v"], Revision: e.Revision}
}

func cellOf(key string) int {
	cell, err := strconv.Atoi(strings.TrimPrefix(key, prefix))
	if err != nil {
		panic(fmt.Sprintf("the key %s is nobody's", key))
	}
	return cell
}
