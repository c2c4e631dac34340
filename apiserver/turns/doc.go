// Package turns lets those who are about to change the same thing take turns.
//
// It owns who has the turn for a key, and who waits for it. It reads and writes nothing, and is no guarantee: a turn that does not come is not waited for.
package turns
