// Package workload reads what is scheduled to measure a scheduler: definitions/*.yaml, written after the workloads of scheduler_perf that
// carry a threshold, with their names, numbers and shapes of pods.
//
// It owns the definitions. It reads nothing else and writes nothing.
package workload
