// Package backlog keeps what a watch has said and its consumer has not taken yet.
//
// It owns that, up to a bound, and joins it into one batch. It reads and writes nothing else, and never splits what came together.
package backlog
