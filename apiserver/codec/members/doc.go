// Package members finds its way in the text of a JSON object without reading it: over white space and values, and between members.
//
// It owns the grammar as far as that takes. It reads and writes nothing but the bytes that it is handed, and never judges whether they are valid.
package members
