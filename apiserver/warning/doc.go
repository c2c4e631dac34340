// Package warning tells clients, in Warning headers, what is amiss with what they asked for. It owns the bounds of these
// headers; it reads nothing, writes into the header that a request's context carries, and never refuses anything.
package warning
