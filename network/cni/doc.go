// Package cni is what the plugin coxswain-cni does when the container runtime calls it: it puts a container on the node's network.
//
//	pod eth0 10.42.0.5/32, default via 10.42.0.1 ── veth ── bridge cni0 10.42.0.1/24 ── the node's routes
//
// A pod's address is a host address: everything a pod sends, also to its neighbour on the same bridge, passes the node's IP layer.
// So Services and policies see all packets whether or not the kernel has br_netfilter, and a pod reaches itself through a Service.
//
// It owns the bridge, the veth pairs, addresses and routes inside of the containers, and host port rules (network/packetfilter). Addresses are
// kept by network/ipam. It reads its configuration from standard input. It never talks to the API and executes nothing.
package cni
