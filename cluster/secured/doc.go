// Package secured is the port of a component that runs as a program of its own: /healthz, /metrics and profiles over TLS, for those who
// the cluster's API server knows and lets in.
//
// It owns the listener, a certificate that signs itself where none is given, and the memory of what the API server answered. It writes
// TokenReviews and SubjectAccessReviews, which are stored nowhere, and reads one ConfigMap (extension-apiserver-authentication). What is
// served it is given; it knows of no component, and never asks the API server about paths that are open to all.
package secured
