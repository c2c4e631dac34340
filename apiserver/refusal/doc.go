// Package refusal has the answers of those who say no: one function for each reason, in the words that clients know.
//
// It turns any error into the Status that is sent (Status). It reads and writes nothing.
package refusal
