// Package storage says what the API server needs of a store, by capability: a write view (Writer), a
// read view (Reader) and a feed of changes (Watchable). etcd/ implements them over an embedded or an
// outside etcd; cache/ is the watch cache that is fed by one Watch and answers nearly every read.
//
// A store holds bytes under keys. Revisions are etcd's: one counter for the whole store, so that a
// revision names one state of everything. It knows nothing of kinds, versions or encodings.
package storage
