// Package profile runs the plugins of one scheduler profile at each extension point of the scheduling framework
// (KEP-624), in the order of their configuration, and holds what a cycle's plugins share (CycleState).
//
// It owns the rules of the framework: what a Skip means, whose status counts, how scores are weighted. It knows no
// plugin by name and talks to nobody.
package profile
