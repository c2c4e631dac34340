// Package certificates is `coxswain certificate`: it lists the certificates of a data folder, and gives people and programs kubeconfigs of
// their own.
//
// It reads DATA/pki, DATA/agent and DATA/admin.kubeconfig, and writes nothing: certificates that a server or an agent keeps are made again
// by itself, before they end.
package certificates
