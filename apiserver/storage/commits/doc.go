// Package commits has a database written to its file a moment after something has changed in it, and not looked at while nothing does. It owns
// the timer of that. It reads and writes nothing by itself, and never waits for a write.
package commits
