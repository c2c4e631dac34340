// Package state is where a cluster keeps its state: the etcd within the process, or one elsewhere; how others reach it; snapshots; and the
// encryption of values.
//
// It owns DATA/etcd, DATA/etcd.sock, DATA/etcdctl.env, DATA/snapshots and DATA/pki/etcd. It reads the configuration of encryption. It never knows
// what an object is.
package state
