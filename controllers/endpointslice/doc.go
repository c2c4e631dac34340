// Package endpointslice keeps the EndpointSlices of each Service with a selector.
//
// It reads Services, Pods and Nodes (for their zone), writes EndpointSlices and events.
// Slices of other managers are never touched.
//
// compute.go says which endpoints there should be, pack.go spreads them over the slices
// that exist with as few writes as it can: an endpoint stays in its slice while it can.
package endpointslice
