// Command compare puts the same load on upstream's control plane and on Coxswain's, in turn and on the same machine, and
// writes what came out with ratios to docs/benchmarks.md. Each scenario is a file; it begins with an empty cluster that was
// started for it. It needs root, what `make build` makes and what `make peers` builds.
package main
