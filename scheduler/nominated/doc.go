// Package nominated knows which pods are expected on which nodes, because preemption has made room for them there, and who goes for them.
//
// It owns that knowledge alone: it asks no plugin, and writes nothing to the API.
package nominated
