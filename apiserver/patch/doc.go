// Package patch knows the kinds of patch: what a body means, what becomes of the JSON of an object by it,
// and of those of its parts that the patch names (part.go).
//
// Everything here is a pure function of an object and a patch. Which object is patched, and what is done with the result, is for write to say.
package patch
