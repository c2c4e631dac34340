// Package kubelets reaches the kubelets of all nodes from the API server: for logs, exec and port-forward, and for metrics.k8s.io, which
// it answers by asking them.
//
// It owns the connections to them. It reads Nodes and Pods where they are cached, and writes nothing. It measures nothing itself and
// remembers no measurement.
package kubelets
