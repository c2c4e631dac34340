// Package serviceaccount makes sure that every namespace has a ServiceAccount called
// default.
//
// It reads Namespaces and ServiceAccounts and creates ServiceAccounts. It never changes
// one that exists.
package serviceaccount
