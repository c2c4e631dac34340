// Package containerd runs the container runtime that the server carries: it writes its configuration, keeps
// it running as a child, says when it serves, and imports image archives, each once.
//
// It writes below its root in the data folder and its state folder in /run. It knows nothing of pods: the
// kubelet talks to the runtime by CRI.
package containerd
