// Package podtolerationrestriction gives pods the tolerations of their namespace, and refuses those that tolerate what is not on its
// list.
//
// It reads Namespaces and the configuration of the plugin. It changes the tolerations of new pods.
package podtolerationrestriction
