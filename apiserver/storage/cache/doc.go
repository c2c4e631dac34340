// Package cache is the watch cache: every object that the store holds, decoded once, with the changes that
// led there. One watch on storage.Root feeds it, so all of it has one revision, and a consistent read is
// WaitFor(Committed) and then a look into memory.
//
// Nouns, one per file: Cache (the whole, and its revision), feed (loads, follows and takes changes apart by
// resource), Resource (an ordered copy-on-write map and a ring of changes), Entry (an object with its
// encodings), Snapshot (a listing as of a revision), Watcher (pulls changes) and Circle (watchers whose events
// leave together).
//
// It reads the store and writes nothing. It knows nothing of verbs, selectors or HTTP: the server brings its
// decoders and its match functions. A reader never blocks the feed, and the feed never waits for a reader.
package cache
