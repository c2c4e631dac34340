// Package binding describes the bindings of admission policies: MutatingAdmissionPolicyBinding and ValidatingAdmissionPolicyBinding.
//
// It owns their rows. It reads and writes nothing; see package resource for what a row means.
package binding
