// Package standalone is kube-controller-manager, kube-scheduler and cloud-controller-manager as programs of their own, beside any API
// server that a kubeconfig names: ours or upstream's.
//
// It owns their settings, which have the names of upstream's flags, their port (secured), the lease that several of them agree by
// (election), their informers and the credentials of the service accounts as which controllers act. It reads kubeconfigs, keys and
// certificates, and writes tokens and service accounts of kube-system. What the components do is theirs: the server runs the same ones on
// its own cache (package cluster). It never runs an API server, and writes no file but a serving certificate.
package standalone
