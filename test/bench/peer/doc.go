// Package peer starts the control planes that are compared: Coxswain, and upstream's etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler as test/peers builds them. Each runs on a machine of its own (test/env) with
// an empty data folder, TLS, RBAC and client certificates; Stop ends its processes and removes every trace. It measures
// nothing but when it launched what.
package peer
