// Package check holds the small checks that the validation of many kinds is made of. Each returns what is
// wrong in the words that users of Kubernetes know.
//
// It reads only its arguments, changes nothing and holds no state.
package check
