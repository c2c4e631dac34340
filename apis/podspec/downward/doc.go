// Package downward knows the references by which a container reads what its pod is: fields and resources, in variables and in files.
//
// It owns their defaults and which of them there are. It reads and writes only what it is given, and never the value that is referred to.
package downward
