// Package join makes a machine a node of a cluster whose server runs elsewhere, and keeps it one.
//
// A Token proves to each side that the other one knows it: the server signs with it what it says of itself, and the node
// authenticates with it once, to ask for a certificate. From then on the node is what its certificates say.
//
//	Discovery    fetches kube-public/cluster-info without trusting anybody, and believes it only when the token has signed
//	             it or when its authority is the one that was pinned
//	Certificate  is one identity: asked for by a CertificateSigningRequest, kept in a file, renewed before it ends, and used
//	             by connections that are open to change
//	Servers      are the addresses of the API servers: a dialer that prefers the one that worked and falls back to others
//
// It reads cluster-info and its own CertificateSigningRequests, creates the latter, and writes only below the folder that it
// is given. It runs no part of a node: cluster does that.
package join
