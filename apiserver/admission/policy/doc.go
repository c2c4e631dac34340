// Package policy holds writes against ValidatingAdmissionPolicies and lets MutatingAdmissionPolicies change them.
//
// It reads policies, bindings, parameters and namespaces from the watch cache; what it compiles of policies it keeps until one of
// them changes. It writes nothing to the cluster, and never judges the objects by which admission itself is configured.
package policy
