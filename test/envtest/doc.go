// Package envtest starts the programs in bin/ by controller-runtime's envtest.Environment, unchanged, as the tests of an
// operator do. It owns no code, only tests; docs/envtest.md is what they hold.
package envtest
