// Package patch writes objects as a compare-and-swap: snapshot, mutate a copy, compare,
// and write only a difference, carrying the resourceVersion that was read.
//
// A conflict means that the object read was stale: the caller reconciles again. Nothing
// here retries or waits, and objects handed in are never changed.
package patch
