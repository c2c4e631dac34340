// Command coxswain-cni is the CNI plugin that puts pods on the network. It is a program of its own because the container runtime
// executes it for every pod: it starts in a few milliseconds and does everything in one process, without executing others.
package main

import (
	"runtime"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/coxswain-k8s/coxswain/network/cni"
)

func main() {
	// The plugin enters other network namespaces: the thread must stay its own.
	runtime.LockOSThread()
	skel.PluginMainFuncs(skel.CNIFuncs{
		Add: cni.Add, Del: cni.Delete, Check: cni.Check, GC: cni.Collect, Status: cni.Status,
	}, version.All, "coxswain-cni: bridge, addresses and host ports of pods")
}
