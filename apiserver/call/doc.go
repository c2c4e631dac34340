// Package call is one request for a resource: its query, its body and what they have to agree with.
//
// It decodes and checks what the client sent, and chooses the form of the answer, to which it leads (Answer). It reads nothing but the
// request and changes nothing.
package call
