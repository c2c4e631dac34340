// Package why says why a pod is as it is: pending, crashing, without its image, not ready, evicted, or not ending.
//
// Gather reads facts: the pod, its events, node, claims, owner and budgets, the last lines of a container that has ended, and what the
// scheduler has against each node. Text turns facts into one screen, the cause first, then what would help, then
// details; it is a pure function, and testdata/ holds pairs of facts and text. Nothing is ever written.
package why
