// Package endpointslicemirroring copies hand-made Endpoints of Services without a
// selector into EndpointSlices, so that proxies need to read only those.
//
// It reads Services and Endpoints, writes EndpointSlices and events. It never touches
// Endpoints.
package endpointslicemirroring
