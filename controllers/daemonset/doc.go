// Package daemonset keeps one pod of a DaemonSet on every node that it is for.
//
// It reads DaemonSets, Nodes, Pods and ControllerRevisions, writes Pods,
// ControllerRevisions, DaemonSet status and events. It binds nothing: a pod is made for a
// node by its node affinity, and the scheduler puts it there.
package daemonset
