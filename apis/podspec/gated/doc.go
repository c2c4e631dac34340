// Package gated leaves out of specifications of pods the fields of features that are off, as they are in upstream by default.
// It reads nothing but the specifications, and never says that something is wrong.
package gated
