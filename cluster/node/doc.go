// Package node is this machine's node: containerd, images, network, proxy, name server, volumes on its disk, and the kubelet. A server and
// an agent have the same one, and reach the cluster differently.
//
// It owns the order in which its parts wait for each other, and what each is given. It reads what a node needs of the machine, to say what is
// lacking. It knows nothing of how any part does its work.
package node
