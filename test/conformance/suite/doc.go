// Package suite runs upstream's tests: it knows them by name, chooses among them, calls ginkgo as the certification
// does and reads what came of each.
//
// It reads the table of tests and writes to the folder of a run. It knows a cluster only by its kubeconfig.
package suite
