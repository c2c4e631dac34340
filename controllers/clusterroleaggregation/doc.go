// Package clusterroleaggregation fills ClusterRoles that have an aggregationRule with
// the rules of the roles that it selects. It reads and writes ClusterRoles.
package clusterroleaggregation
