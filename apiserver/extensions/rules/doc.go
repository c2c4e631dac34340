// Package rules checks what a CustomResourceDefinition says beyond its form: that the rules of its schemas compile and are cheap enough to
// be run, that defaults fit their own schemas, and which formats nobody knows. It is apart from package apis/apiextensions because it
// needs CEL.
//
// It reads definitions, keeps no state and writes nothing.
package rules
