// Package authtest is a Lister over a handful of objects, for tests of what reads one.
package authtest
