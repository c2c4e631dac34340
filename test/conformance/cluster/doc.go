// Package cluster starts the cluster that the suite runs against, as a user would, and keeps what a failure leaves: logs
// and objects.
//
// It runs the project's own program and kubectl. It knows nothing of tests.
package cluster
