// Package typecheck holds the expressions of ValidatingAdmissionPolicies against the types of the objects that they are about, and
// writes what is suspicious into status.typeChecking. What it finds refuses nothing.
//
// It reads policies, definitions of custom resources and the built-in schemas, and writes the status of policies, once for each
// generation.
package typecheck
