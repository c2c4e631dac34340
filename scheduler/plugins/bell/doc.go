// Package bell rings when objects of a kind change, for plugins that wait for one of them.
//
// It owns its handler with the informer of the kind, from the first that waits on until it is closed. It reads no object itself.
package bell
