// Package kubelet runs the pods that are bound to one node.
//
// It owns the containers, cgroups, logs and folders of this node's pods, and their status in the API. It reads pods
// from the API (only this node's: the cache is configured so), ConfigMaps and Secrets through volume.ObjectSource,
// Services, and the container runtime's events. It writes pods/status, deletes pods that have terminated, and
// through its parts node (Node, Lease), volume (files below RootDir) and images (pulls and garbage collection) what they say.
//
// What happens is driven by events: the API's watch, the runtime's event stream, verdicts of probes, and timers that
// belong to a pod. Nothing is listed periodically.
//
//	kubelet.go   the inputs, and how the parts are started
//	pods.go      which worker an event wakes; what is left over from an earlier life
//	worker.go    the state machine of one pod
//	plan/        what is to be done for a pod: a pure function
//	sync.go      doing it; start.go and stop.go one container at a time (env/ and hooks/ are what they need)
//	admit.go     whether a pod fits on the node
//	eviction.go  what goes when room runs out: pods, images (pressure/ tells) and old logs (logs/)
//	backend.go   what the server on port 10250 asks
//
// It never schedules, never restarts a container because the kubelet itself restarted, and never imports another component.
package kubelet
