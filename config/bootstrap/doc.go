// Package bootstrap holds the objects that a cluster starts with: roles and their bindings (policy.txt),
// namespaces, priority classes, flow schemas and priority levels.
//
// It builds objects and says how a stored one is brought up to date. It reads nothing but its own
// tables and writes nothing: whoever starts the cluster stores them.
package bootstrap
