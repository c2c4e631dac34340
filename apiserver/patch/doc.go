// Package patch knows the kinds of patch: what a body means, and what becomes of the JSON of an object by it.
//
// Everything here is a pure function. Which object is patched, and what is done with the result, is for write to say.
package patch
