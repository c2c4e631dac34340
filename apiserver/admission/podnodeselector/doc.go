// Package podnodeselector gives pods the node selector of their namespace, and refuses those that would go elsewhere.
//
// It reads Namespaces and the configuration of the plugin. It changes the node selector of new pods.
package podnodeselector
