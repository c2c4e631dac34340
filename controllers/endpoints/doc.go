// Package endpoints keeps the Endpoints object of each Service with a selector, for the
// clients that have not moved to EndpointSlices.
//
// It reads Services and Pods, writes Endpoints and events. Endpoints of services without
// a selector are left to whoever wrote them.
package endpoints
