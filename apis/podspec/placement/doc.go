// Package placement knows what a pod says about where it runs: affinity, tolerations, spread.
//
// It owns what may be said, and how keys of labels become selectors when a pod is made. It reads and writes only what it is given, and places nothing.
package placement
