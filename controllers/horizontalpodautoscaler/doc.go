// Package horizontalpodautoscaler keeps the number of replicas of a workload at what its metrics ask for.
//
//	Reconcile: scale of the target -> metrics (metrics.go) -> a number for each (usage.go, compute.go), the largest counts
//	-> limits, rates and stabilization (limit.go, behavior.go) -> scale of the target, conditions and status
//
// It reads HorizontalPodAutoscalers, pods, scale subresources and the metrics APIs, and writes scales, the status of
// autoscalers, and events. Metrics do not tell when they change, so each autoscaler is looked at every 15 seconds.
package horizontalpodautoscaler
