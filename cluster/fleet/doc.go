// Package fleet runs clusters of several nodes on this machine: what `coxswain up`, `coxswain down` and `coxswain node` do.
//
// A Fleet is a cluster whose nodes are machines of cluster/machines, NAME-1 to NAME-N. Each runs `coxswain agent` as a
// machine elsewhere would, and the first of them `coxswain server --disable agent` beside it, so that the API server reaches
// pods and Services like any node. The processes are on their own: nothing watches over them, and nothing of this package
// runs once a command has ended.
//
//	DIR/cluster.json        what was asked for
//	DIR/admin.kubeconfig    the administrator's
//	DIR/programs            the programs that the executable carries, unpacked once, shown to every machine
//	DIR/NAME-1/             a machine's disk: server/ and agent/ are data folders, and server.log and agent.log what they say
//
// What is true is read from the kernel each time: a node is paused when its control group is frozen, cut off when its port
// is down, stopped when it has no namespaces. The package reads the API only to see nodes become ready.
package fleet
