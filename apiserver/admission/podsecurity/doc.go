// Package podsecurity holds pods to the Pod Security Standard of their namespace's labels: it refuses, warns and remarks.
//
// It reads namespaces and pods. It changes nothing.
package podsecurity
