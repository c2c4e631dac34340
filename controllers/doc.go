// Package controllers is the one list of all controllers that run in a cluster.
//
// Each kind has a folder of that name: controller.go says what a reconcile does, and at
// its end, in Register, what wakes it; further files are its steps, mostly pure
// functions. Shared helpers are kit (inputs), patch (writing), podcontrol (owned
// objects), replication and backends.
//
// Controllers know the cluster only through the manager's client and cache. Objects from
// the cache are never changed.
package controllers
