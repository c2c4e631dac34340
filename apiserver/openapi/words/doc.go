// Package words has the words by which operations, tags and descriptions of the API call groups, versions and kinds.
//
// It owns their spelling, which clients that are generated depend on. It reads and writes nothing.
package words
