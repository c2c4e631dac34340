// Package pki makes and keeps the certificates and keys of a cluster, in one folder: its certificate
// authority, the serving certificates of the API server and of the kubelet, client certificates, and the
// key that signs service account tokens.
//
// It writes only below its folder, keys with mode 0600. What exists and is still good is kept; a leaf
// certificate that is about to expire, or that lacks a name or an address, is made again.
package pki
