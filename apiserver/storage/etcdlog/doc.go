// Package etcdlog has etcd write into the log of the server.
//
// It owns which of what etcd says is worth a line. It writes to the logger that it is handed, and never keeps anything.
package etcdlog
