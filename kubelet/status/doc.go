// Package status computes what the kubelet reports of a pod, and writes it.
//
// Compute is a pure function from a pod's specification, what the runtime has of it and what probes say to a
// PodStatus. Writer patches the status subresource when, and only when, that differs from what was written last;
// one write per pod is in flight at a time and later states overtake earlier ones that were not sent yet.
//
// It writes pods/status and nothing else. Conditions of other writers (readiness gates, DisruptionTarget …) are
// never touched. It never asks the runtime and decides nothing about what should run.
package status
