// Package runtime is the kubelet's view of the container runtime: a client of CRI v1 over a unix socket.
//
// It owns the translation between a pod's specification and what CRI is asked for (sandbox and container
// configurations: environment, DNS, mounts, security, resources), and between CRI's answers and the small
// types Pod, Sandbox and Container that the rest of the kubelet reads.
//
// It reads the runtime's state, a few files of the host (/etc/resolv.conf, /etc/hosts) and termination messages.
// It writes sandboxes, containers, and the files that it mounts into containers below the kubelet's folder.
// It never talks to the API server, decides nothing about what should run, and remembers nothing: the labels and
// annotations of sandboxes and containers carry all that a restarted kubelet needs.
package runtime
