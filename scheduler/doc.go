// Package scheduler finds a node for every pod that has none: the scheduling framework's cycle (KEP-624) over the
// plugins of plugins/, one pod at a time, with bindings in flight beside it.
//
// It reads pods and nodes by informers, writes bindings, the PodScheduled condition of pods that fit nowhere, and
// events. It keeps the queue (queue/) and what it knows of the nodes (state/). It never touches a pod whose
// spec.schedulerName is not one of its profiles.
//
//	informers --> state --------- Snapshot --+
//	    |                                    v
//	    +------> queue --Pop--> cycle: PreFilter Filter Score Reserve Permit --> binding (goroutine): PreBind Bind
//	               ^                         |                                              |
//	               +------- Failed ----------+----------------------------------------------+
package scheduler
