// Package backends says which pods stand behind a Service and on which ports, for the
// controllers of Endpoints and EndpointSlices.
//
// It reads pods and services through the cache and writes nothing.
package backends
