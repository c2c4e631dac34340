// Package proxytest is the behaviour that every backend of the proxy has: real packets in network namespaces of their own, never the
// spelling of rules. It owns the namespaces that it makes and removes them. It needs root and skips without.
package proxytest
