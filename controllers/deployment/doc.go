// Package deployment rolls the template of a Deployment out over replica sets.
//
// It reads Deployments and ReplicaSets (never pods: a replica set's status says how many
// are left), writes ReplicaSets, the Deployment's revision annotation and its status.
//
// A reconcile is: find or create the replica set of the current template, move replicas
// between the sets one step (sizes are computed by the pure functions in rolling.go and
// scale.go), and report (status.go).
package deployment
