package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Root is the prefix of every key: /registry/<resource>/<namespace>/<name>.
const Root = "/registry/"

// Errors that a store returns, to be tested with errors.Is.
var (
	ErrNotFound  = errors.New("key not found")
	ErrExists    = errors.New("key exists already")
	ErrCompacted = errors.New("revision has been compacted")
	ErrFuture    = errors.New("revision is not reached yet")
	// ErrNoSpace says that the store's quota is used up. Deletions still work.
	ErrNoSpace = errors.New("database space exceeded")
	// ErrTooLarge says that a transaction is over the store's limit of bytes.
	ErrTooLarge = errors.New("request is too large")
)

// MaxOps is how many operations one Commit may have on every store: etcd's own default.
const MaxOps = 128

// Record is one key as of one revision. Its bytes are shared and never changed.
type Record struct {
	Key      string
	Value    []byte
	Revision int64 // of the last change
	Created  int64 // revision of the creation
	// Stale says that a write of the same value would store it in another form: encrypted, or by another key. It is asked
	// when that is of interest, for keys change; nil stands for no.
	Stale func() bool
	// Err is why the value could not be decrypted: then it is as it is stored.
	Err error
}

// ConflictError says that a key was not at the revision that a write expected. Current is the key as it
// is, so that the caller can try again without reading.
type ConflictError struct {
	Key      string
	Expected int64
	Current  Record
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("key %s is at revision %d, not %d", e.Key, e.Current.Revision, e.Expected)
}

// Op is one write of a transaction.
type Op struct {
	Key string
	// Value to be stored; nil deletes the key.
	Value []byte
	// Expected revision of the key: 0 means that it must not exist, Any that it does not matter.
	Expected int64
	// TTL after which the key vanishes by itself; 0 means never.
	TTL time.Duration
}

// Any as an expected revision leaves the condition out.
const Any int64 = -1

// Writer commits changes.
type Writer interface {
	// Commit applies all operations in one transaction or none, and returns the revision of the commit.
	// Errors: ErrExists (Expected 0 and the key exists), ErrNotFound (a positive Expected and there is no
	// such key, or a delete of a missing key), *ConflictError. The error names the first operation whose
	// condition failed. No two operations may name the same key.
	Commit(ctx context.Context, ops ...Op) (revision int64, err error)
}

// Reader reads what is committed.
type Reader interface {
	// Get returns the key's latest record (a linearizable read), or ErrNotFound.
	Get(ctx context.Context, key string) (Record, error)
	// Range returns up to limit records (0: all) whose keys have the prefix and are not below from, in key
	// order, as of revision (0: the latest), with the revision read at and whether there are more.
	// Errors: ErrCompacted, ErrFuture.
	Range(ctx context.Context, r Range) (Page, error)
	// Committed returns a revision that is at least that of every write that had been acknowledged
	// before the call, by whichever server. It is cheap: no data is read.
	Committed(ctx context.Context) (int64, error)
}

// Range asks for a page of records.
type Range struct {
	Prefix   string
	From     string // first key, inclusive; "" means the start of the prefix
	Limit    int
	Revision int64
}

// Page is a part of a listing.
type Page struct {
	Records  []Record
	Revision int64
	More     bool
	// Remaining counts the records behind this page.
	Remaining int64
}

// Event is a change of one key. A deletion has a nil Value and the revision of the deletion. What the key
// was before is not in it: whoever follows a store from a listing knows, and asking etcd costs a read.
type Event struct {
	Record
}

// Deleted tells whether the change removed the key.
func (e Event) Deleted() bool { return e.Value == nil }

// Watchable feeds changes.
type Watchable interface {
	// Watch sends all changes below prefix with a revision above after, in order of revision, to deliver,
	// one call per batch; a batch never splits a revision. progress is the store's revision up to which
	// all events have been delivered; a call may come with progress alone. It returns when ctx ends,
	// when deliver returns an error, or with ErrCompacted.
	Watch(ctx context.Context, prefix string, after int64, deliver func(events []Event, progress int64) error) error
}

// Store is a whole one.
type Store interface {
	Writer
	Reader
	Watchable
	// Compact drops what was overwritten before revision.
	Compact(ctx context.Context, revision int64) error
	// Healthy returns nil when a write could be committed.
	Healthy(ctx context.Context) error
	Close() error
}
