// Package schemas reads and writes the JSON of CustomResourceDefinitions quickly. Nearly all of a large one are its schemas, and the
// library of their types scans what is below a list once more for each list that it is in, and writes it as often.
//
// What it reads it reads as the library does. Of what is odd or wrong in any way it says no more than that, so that the library reads it,
// and tells what is wrong. What it writes is what the library writes, byte for byte.
//
// It reads and writes nothing but what it is handed.
package schemas
