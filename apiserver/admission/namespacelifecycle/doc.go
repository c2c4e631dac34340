// Package namespacelifecycle keeps objects out of namespaces that do not exist or are going away, and the
// namespaces that the system needs from being deleted.
//
// It reads namespaces. It writes nothing.
package namespacelifecycle
