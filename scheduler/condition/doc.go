// Package condition writes conditions of pods: what keeps a pod from every node, and that it has to go for another one.
//
// It owns no state. Its patches say what changes and nothing else, so that neither side goes through the whole pod.
package condition
