// Package env gives tests a machine of their own and a cluster on it.
//
// A Machine is one of cluster/machines, alone on its switch: what runs on it cannot meet what runs beside it, and Close
// removes every trace, also of processes that outlived a killed server. A Cluster is the real server, started on a Machine
// as a user would, with kubectl at hand. A Fleet is a cluster of several nodes that `coxswain up` makes. Nothing here knows what is tested.
package env
