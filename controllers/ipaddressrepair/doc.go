// Package ipaddressrepair keeps the IPAddresses of networking.k8s.io in step with the cluster IPs of Services: one that is missing is made
// again, one that stands for nothing is deleted.
//
// The API server writes both in one transaction, so there is something to repair only when somebody has written IPAddresses by hand, or a
// backup has lost some. It reads Services, ServiceCIDRs and IPAddresses, and writes IPAddresses and events of both. It never changes a
// Service, and leaves IPAddresses alone that the API server has not made.
package ipaddressrepair
