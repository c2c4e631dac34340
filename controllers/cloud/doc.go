// Package cloud is the cloud of a machine that is in none: the provider "local", which gives Services of type LoadBalancer the
// addresses of the nodes themselves.
//
// There is nothing to make: the service proxy of every node answers for the addresses in a Service's status. So the provider only decides which
// those are: of the nodes that it is given, those that have an address of the Service's family on which no other Service and no part of
// the cluster has one of the Service's ports. It reads Services, EndpointSlices and Nodes from the cache, and writes nothing; the controllers write
// (controllers/service).
package cloud
