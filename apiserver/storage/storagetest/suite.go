package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Run runs the suite; open returns an empty store, which it also closes at the end of the test.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Store)
	}{
		{"a create fails when the key exists", createTwice},
		{"an update wants the expected revision", updateConflict},
		{"a delete wants the expected revision", deleteConflict},
		{"a transaction is applied whole or not at all", transaction},
		{"many creations are applied whole or not at all", manyCreations},
		{"operations on one key twice are refused", sameKeyTwice},
		{"any revision overwrites", overwrite},
		{"an empty value is a value", emptyValue},
		{"a range pages at one revision", pages},
		{"a range stays within its prefix", prefixes},
		{"an old revision is read until it is compacted", history},
		{"a future revision is refused", future},
		{"committed covers every acknowledged write", committed},
		{"a key with a TTL vanishes", expiry},
		{"a watch sends each change once and in order", watchOrder},
		{"a watch resumes after any revision", watchResume},
		{"a batch never splits a revision", watchAtomic},
		{"progress moves when keys elsewhere change", watchProgress},
		{"a watch from a compacted revision fails", watchCompacted},
		{"a slow watch misses nothing", watchSlow},
		{"concurrent writers of one key never both win", contention},
		{"a healthy store says so", healthy},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// deadline of anything that ought to happen, on the slowest of machines.
const deadline = time.Minute

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func key(name string) string { return storage.Root + "things/" + name }

func put(t *testing.T, s storage.Store, name, value string) int64 {
	t.Helper()
	return commit(t, s, storage.Op{Key: key(name), Value: []byte(value), Expected: storage.Any})
}

func remove(t *testing.T, s storage.Store, name string) int64 {
	t.Helper()
	return commit(t, s, storage.Op{Key: key(name), Expected: storage.Any})
}

func commit(t *testing.T, s storage.Store, ops ...storage.Op) int64 {
	t.Helper()
	revision, err := s.Commit(within(t), ops...)
	if err != nil {
		t.Fatalf("committing: %v", err)
	}
	return revision
}

func get(t *testing.T, s storage.Store, name string) storage.Record {
	t.Helper()
	r, err := s.Get(within(t), key(name))
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return r
}
