// Package answers says where two answers to one request differ: in code, headers, body or events, after what must differ
// (UIDs, times of this run, resource versions, addresses that a server picks) has been replaced by a word. It sends nothing.
package answers
