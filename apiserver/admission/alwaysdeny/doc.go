// Package alwaysdeny refuses every write, for tests.
//
// It reads and changes nothing.
package alwaysdeny
