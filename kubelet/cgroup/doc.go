// Package cgroup keeps the control groups that pods live in: one per quality of service class and one per pod.
//
//	<root>/kubepods                     all pods: limited to what the node allocates
//	<root>/kubepods/pod<uid>            a guaranteed pod
//	<root>/kubepods/burstable/pod<uid>  a burstable pod
//	<root>/kubepods/besteffort/pod<uid> a best-effort pod
//
// It writes below the cgroup file systems, v1 (one tree per controller) or v2 (one tree), and reads nothing else.
// Containers' own groups below a pod's are the runtime's. It never moves processes.
package cgroup
