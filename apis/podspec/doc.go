// Package podspec holds what pods and the pod templates of all workloads share: defaulting, validation and
// the questions that several rows ask about a pod's specification.
//
// It owns the specification as a whole. Its nouns are packages below it: containers, volumes, resources, placement, security, downward and imageref.
// It reads and writes only the objects that it is given, and holds no state.
package podspec
