// Package read has the verbs that change nothing, a file each: get, list and watch.
//
// It owns how fresh an answer is (fresh.go), what is chosen (selection.go), pages and their tokens, and the streams of watches. It reads the
// watch cache, and the store only for a state that the cache has forgotten; it writes nothing.
package read
