// Package plan says what is to be done for a pod now: which containers are stopped and started, and whether it needs a sandbox. It is a
// pure function of what the pod should be, what the runtime has of it and what its probes say; the back-off of containers that exit
// again and again is counted here too. It does nothing itself.
package plan
