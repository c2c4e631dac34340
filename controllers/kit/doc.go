// Package kit holds what every controller is given and how one is put on a manager.
//
// It owns the Deps that cluster composition fills in, the defaults of a controller's
// queue, the helpers for field indexes, and the Sight by which a controller is not run
// again for an object before it can see what it wrote. It reads and writes nothing of the cluster
// by itself.
package kit
