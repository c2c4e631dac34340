// Package kit holds what every controller is given and how one is put on a manager.
//
// It owns the Deps that cluster composition fills in, the defaults of a controller's
// queue, and the helpers for field indexes. It reads and writes nothing of the cluster
// by itself.
package kit
