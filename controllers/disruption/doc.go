// Package disruption says, in the status of PodDisruptionBudgets, how many pods may be
// evicted now: what the eviction API goes by.
//
// It reads PodDisruptionBudgets, Pods, and the scale of whatever controls the pods, and
// writes PodDisruptionBudget status and events. It takes back the condition DisruptionTarget of pods that are
// not deleted (stale.go).
package disruption
