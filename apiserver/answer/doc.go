// Package answer tells a client what was found or done, in the form that it asked for: JSON, YAML, protobuf or CBOR; whole, as metadata or
// as a table; one object or a list of them, spliced from the encodings that the watch cache keeps.
//
// It owns what is written to a connection, streams apart, which are those of read. It never decides what is answered.
package answer
