// Package containers knows the containers of a pod: their defaults, what is wrong with them, and of what a client is warned.
//
// It owns the rules of one container and those between the containers of one pod: names, environment, mounts, probes. It reads and writes only what it
// is given, and holds no state. What a container asks for is in resources, and what it may do in security.
package containers
