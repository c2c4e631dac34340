package encrypted

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/kms"
)

// Store encrypts what is written to another store, and decrypts what is read from it. Its fields are inputs.
type Store struct {
	storage.Store
	// Transformer of the key's value, or nil where it is stored as it is.
	Transformer func(key string) value.Transformer
	// Epoch of now; without it, transformers never change.
	Epoch func() *Epoch

	once   sync.Once
	missed atomic.Pointer[Epoch] // in which something could not be read
	miss   chan struct{}         // tells of that
}

var _ storage.Store = &Store{}

// Commit implements storage.Writer. The value is bound to its key: one that is copied to another key in the store
// below cannot be read there.
func (s *Store) Commit(ctx context.Context, ops ...storage.Op) (int64, error) {
	written := ops
	for i := range ops {
		transformer := s.Transformer(ops[i].Key)
		if transformer == nil || ops[i].Value == nil {
			continue
		}
		data, err := transformer.TransformToStorage(ctx, ops[i].Value, value.DefaultContext(ops[i].Key))
		if err != nil {
			return 0, err // which upstream shows as it is
		}
		if &written[0] == &ops[0] {
			written = append([]storage.Op(nil), ops...)
		}
		written[i].Value = data
	}
	revision, err := s.Store.Commit(ctx, written...)
	var conflict *storage.ConflictError
	if errors.As(err, &conflict) {
		plain := *conflict
		if err := s.decrypt(ctx, &plain.Current); err != nil {
			return 0, err
		}
		return 0, &plain
	}
	return revision, err
}

// Get implements storage.Reader.
func (s *Store) Get(ctx context.Context, key string) (storage.Record, error) {
	record, err := s.Store.Get(ctx, key)
	if err == nil {
		err = s.decrypt(ctx, &record)
	}
	return record, err
}

// Range implements storage.Reader.
func (s *Store) Range(ctx context.Context, r storage.Range) (storage.Page, error) {
	page, err := s.Store.Range(ctx, r)
	for i := range page.Records {
		if err := s.decrypt(ctx, &page.Records[i]); err != nil {
			return storage.Page{}, err
		}
	}
	return page, err
}

// Watch implements storage.Watchable. One value that a plugin is slow to decrypt does not hold up the others.
func (s *Store) Watch(ctx context.Context, prefix string, after int64, deliver func(events []storage.Event, progress int64) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel(nil)
	if s.Epoch != nil {
		s.prepare()
		waiting.Go(func() { s.wait(ctx, cancel) })
	}
	hurried := kms.Hurry(ctx)
	err := s.Store.Watch(ctx, prefix, after, func(events []storage.Event, progress int64) error {
		for i := range events {
			if events[i].Deleted() {
				continue
			}
			if err := s.decrypt(hurried, &events[i].Record); err != nil {
				return err
			}
		}
		return deliver(events, progress)
	})
	if cause := context.Cause(ctx); errors.Is(cause, errReread) {
		return cause
	}
	return err
}

// errReread ends a watch so that everything is read again.
var errReread = fmt.Errorf("values that could not be decrypted may be readable now: %w", storage.ErrCompacted)

func (s *Store) prepare() {
	s.once.Do(func() { s.miss = make(chan struct{}, 1) })
}

// wait ends a watch when keys have changed and something could not be read with those of before.
func (s *Store) wait(ctx context.Context, end context.CancelCauseFunc) {
	for {
		var over <-chan struct{}
		missed := s.missed.Load()
		if missed != nil {
			over = missed.over
		}
		select {
		case <-over:
			s.missed.CompareAndSwap(missed, nil)
			end(errReread)
			return
		case <-s.miss:
		case <-ctx.Done():
			return
		}
	}
}

// decrypt a record; the error is that of ctx. The epoch is taken first: a value that is read with the keys of before must
// never pass for one that was read with those of now.
func (s *Store) decrypt(ctx context.Context, record *storage.Record) error {
	var epoch *Epoch
	var over func() bool
	if s.Epoch != nil {
		epoch = s.Epoch()
		over = epoch.stale
	}
	transformer := s.Transformer(record.Key)
	if transformer == nil {
		return nil
	}
	plain, stale, err := transformer.TransformFromStorage(ctx, record.Value, value.DefaultContext(record.Key))
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // which says nothing about the value
	}
	if err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "Stored value cannot be decrypted", "key", record.Key, "revision", record.Revision)
		s.note(epoch)
		record.Err = fmt.Errorf("unable to transform key %q: %w", record.Key, err)
		return nil
	}
	if plain == nil {
		plain = []byte{} // nil is a deletion
	}
	record.Value, record.Stale = plain, over
	if stale {
		record.Stale = always
	}
	return nil
}

// note that something could not be read. The first epoch of those is what counts: everything is read again after it.
func (s *Store) note(epoch *Epoch) {
	if epoch == nil {
		return
	}
	s.prepare()
	if !s.missed.CompareAndSwap(nil, epoch) {
		return
	}
	select {
	case s.miss <- struct{}{}:
	default:
	}
}

func always() bool { return true }
