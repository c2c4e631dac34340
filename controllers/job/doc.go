// Package job runs pods to completion.
//
// It reads Jobs and Pods, writes Pods, their ownerReferences and the finalizer
// batch.kubernetes.io/job-tracking, Job status and events.
//
// No finished pod is lost or counted twice, whoever crashes when: a pod keeps the
// finalizer until its end is on record.
//
//	pod ends -> its UID in status.uncountedTerminatedPods -> finalizer removed -> counted,
//	UID removed
//
// count.go does this book-keeping, finish.go says when and how a job ends, and plan.go
// which pods to create and delete; all are pure. controller.go writes the status first
// and acts on the pods only when that succeeded.
package job
