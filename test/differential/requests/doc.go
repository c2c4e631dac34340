// Package requests makes the requests that both servers are sent: those that testdata/scenarios spells out, and those that
// follow from the objects of apis/testdata and testdata/objects by rules: each field missing, of another type, out of its
// range, unknown, given twice; each object read, listed and watched in every form. It reads files and knows no server.
package requests
