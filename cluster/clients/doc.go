// Package clients makes clients of the API server in this process: their requests are calls of its handler, made under an identity.
//
// It owns what they share, which is how kinds map to resources. It reads discovery for what is not built in. It never decides what a client
// may do, and never goes over the network.
package clients
