// Command bench measures the real server on a machine of its own (test/env) and prints a table: cold start, memory and
// CPU when idle, the time from creating a pod to its running, and what the API server does under load. It needs root and
// what `make build images` makes. Figures of shared machines are noisy: medians are printed with their range.
//
// docs/benchmarks.md holds what was measured and how it compares.
package main
