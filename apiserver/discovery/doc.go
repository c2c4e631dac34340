// Package discovery tells clients what is served: the legacy documents (/api, /apis, one per group and version) and
// the aggregated one of apidiscovery.k8s.io, which has everything in one answer with an ETag.
//
// It reads rows and writes answers, and keeps nothing.
package discovery
