// Package aggregation lets other API servers answer for groups and versions, as APIServices say: it sends requests on with the
// identity of the caller, finds out whether the servers behind APIServices are there, and shows what they serve in discovery and in
// the OpenAPI documents. It also keeps an APIService for each group version that this server answers itself.
//
// It reads APIServices, Services, EndpointSlices and CustomResourceDefinitions from the watch cache, and writes APIServices and their
// status. Of the servers behind them it asks discovery: when something about them changes, and every half minute.
package aggregation
