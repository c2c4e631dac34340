// Package credentials has the certificates, keys and the token of one control plane and its machine's node: those that the server makes and
// renews itself, and those of the user that take their place.
//
// It owns DATA/pki, DATA/token and kubeconfigs. It reads the files that options name, some of them again when they change. It never decides who
// may do what.
package credentials
