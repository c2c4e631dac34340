// Package identitylease is how API servers tell of themselves: each has a Lease in kube-system that carries the label
// apiserver.kubernetes.io/identity, renews it, and collects those of servers that have not been heard of for as long as theirs
// last. It reads and writes nothing but these Leases, elects nobody, and never fails a server.
package identitylease
