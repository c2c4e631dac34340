// Package extendedresourcetoleration has pods that ask for devices tolerate the taints by which their nodes are kept for them.
//
// It reads the object at hand. It adds tolerations to pods.
package extendedresourcetoleration
