// Package abac authorizes by a file of policies, one JSON object a line.
//
// It owns the reading of the file and the matching of requests. It reads nothing else and writes nothing.
package abac
