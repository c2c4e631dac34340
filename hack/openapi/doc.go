// Command openapi makes apiserver/openapi/definitions.zst, the schemas of all built-in types, from the Go sources of the
// modules that declare them, and apiserver/fieldmanager/merge/markers.txt, how their lists and maps are merged. With -verify it only
// compares.
//
// It runs openapi-gen over the packages of the served types, in a folder below build/ that it removes again, runs what came
// out of that, and writes one line of JSON per schema. Nothing that openapi-gen writes is linked into the server.
package main
