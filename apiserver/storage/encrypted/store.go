package encrypted

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Store encrypts what is written to another store, and decrypts what is read from it. Its fields are inputs.
type Store struct {
	storage.Store
	// Transformer of the key's value, or nil where it is stored as it is.
	Transformer func(key string) value.Transformer
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
			return 0, fmt.Errorf("encrypting %s: %w", ops[i].Key, err)
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
		s.decrypt(ctx, &plain.Current)
		return 0, &plain
	}
	return revision, err
}

// Get implements storage.Reader.
func (s *Store) Get(ctx context.Context, key string) (storage.Record, error) {
	record, err := s.Store.Get(ctx, key)
	if err == nil {
		s.decrypt(ctx, &record)
	}
	return record, err
}

// Range implements storage.Reader.
func (s *Store) Range(ctx context.Context, r storage.Range) (storage.Page, error) {
	page, err := s.Store.Range(ctx, r)
	for i := range page.Records {
		s.decrypt(ctx, &page.Records[i])
	}
	return page, err
}

// Watch implements storage.Watchable.
func (s *Store) Watch(ctx context.Context, prefix string, after int64, deliver func(events []storage.Event, progress int64) error) error {
	return s.Store.Watch(ctx, prefix, after, func(events []storage.Event, progress int64) error {
		for i := range events {
			if !events[i].Deleted() {
				s.decrypt(ctx, &events[i].Record)
			}
		}
		return deliver(events, progress)
	})
}

func (s *Store) decrypt(ctx context.Context, record *storage.Record) {
	transformer := s.Transformer(record.Key)
	if transformer == nil {
		return
	}
	plain, stale, err := transformer.TransformFromStorage(ctx, record.Value, value.DefaultContext(record.Key))
	if err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "Stored value cannot be decrypted", "key", record.Key, "revision", record.Revision)
		return
	}
	if plain == nil {
		plain = []byte{} // nil is a deletion
	}
	record.Value, record.Stale = plain, stale
}
