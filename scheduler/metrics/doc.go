// Package metrics counts what a scheduler does, by the names that kube-scheduler's metrics have.
//
// It owns the metrics. Gauges are read from the scheduler when somebody asks for them. It writes nothing and never decides.
package metrics
