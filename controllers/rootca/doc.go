// Package rootca publishes the cluster's root certificates to every namespace, in the
// ConfigMap kube-root-ca.crt, where projected service account volumes find it.
//
// It watches Namespaces and ConfigMaps, and writes only ConfigMaps of that name.
package rootca
