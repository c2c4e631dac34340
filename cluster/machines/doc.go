// Package machines makes parts of this machine that look like machines of their own.
//
// A Machine is a network namespace with an address on a Switch, a mount namespace with its own /run, /var/lib/kubelet,
// /var/log/pods, /var/log/containers, /etc/cni and /var/lib/cni, a host name, and a control group in every hierarchy. The
// rest of the root file system, the processes' numbers and the kernel are shared. A Switch is a bridge in a network
// namespace of its own, with one link to this machine: nothing between machines passes the firewall of the host, nothing
// leaves the host, and what a crash left behind is found by name.
//
// No process holds a machine: its namespaces are pinned by mounts below Pins, which is not shared with other mount
// namespaces. So a machine survives everything that runs on it, and a reboot leaves nothing of it but its folder.
//
// The package writes below Pins, to the control groups and to the folders that it is given. It knows nothing of clusters.
package machines
