// Package programs unpacks the programs that the server carries (containerd with its shim, runc, the CNI
// plugin, kubectl, etcdctl, the pause program) and starts those that it runs as children.
//
// They are a zip archive at the tail of the server's own executable (hack/bundle). The archive's comment is
// the digest of its content and names the folder below the data folder that it is unpacked into, once. What
// an older version had unpacked is removed.
package programs
