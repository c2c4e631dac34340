// Package namespaceexists refuses writes to namespaces that do not exist.
//
// It reads Namespaces. It changes nothing.
package namespaceexists
