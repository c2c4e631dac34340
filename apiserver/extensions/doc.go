// Package extensions serves what CustomResourceDefinitions define. It follows the definitions, settles their names and writes that into their
// status, has the API server serve a row for each version, publishes schemas, and deletes the objects of a definition before
// that goes.
//
// It reads definitions from the watch cache and writes their status and finalizers. Objects are the business of the API server's
// verbs; what a version is stands in package custom, how versions are converted in package conversion. Without a definition it
// does nothing.
package extensions
