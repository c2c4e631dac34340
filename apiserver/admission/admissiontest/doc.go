// Package admissiontest runs the same requests against a server of ours and, where a kubeconfig of one is given, against upstream's
// kube-apiserver, and compares the answers with golden files. Only tests use it.
package admissiontest
