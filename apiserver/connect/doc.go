// Package connect joins a request with a pod, a service or a node: exec, attach, port-forward, logs and the proxies.
//
// It owns what a client's path and query mean (which container, which port, which log lines), which addresses may be dialled, how a
// kubelet is reached (Kubelets), and the forwarding of streams and plain requests. It reads the object that is named and writes nothing of the
// cluster; admission is asked, the authorizer has been.
package connect
