// Package pod describes Pods: their row, what defaulting, preparation and validation do at each of their ways in, and how they are shown.
// What is in a specification is podspec's. It reads and writes nothing.
package pod
