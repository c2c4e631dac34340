// Package upstream has the commands that this program is when it is called by the names of Kubernetes' own programs, or of etcd, with
// their flags: those that mean something here, those that are accepted without an effect, and those that are refused because something
// would be otherwise than asked for.
package upstream
