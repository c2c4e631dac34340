// Package e2e drives a real cluster, with real containers and real packets, as its users would: by kubectl and by HTTP
// requests. One server on a machine of its own (test/env) serves all tests, each in a namespace of its own; those that
// stop or break the server start one of their own. The tests need root and what `make build images` makes.
package e2e
