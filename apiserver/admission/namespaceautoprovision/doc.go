// Package namespaceautoprovision makes the namespace in which something is created, where there is none.
//
// It reads and writes Namespaces.
package namespaceautoprovision
