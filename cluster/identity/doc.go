// Package identity has the names under which the parts of a cluster call its API. RBAC and the Node authorizer restrict them like those of
// any client: what they may do stands in config/bootstrap.
//
// It owns these names and reads and writes nothing.
package identity
