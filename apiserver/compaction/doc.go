// Package compaction drops the past from the store.
//
// It owns when that is done: once the past is five minutes old, and only while there are writes. It reads the revision of the watch cache, has the store
// drop what is older, and says so to those who list; it never drops what is there now.
package compaction
