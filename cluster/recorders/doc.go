// Package recorders writes the events that controllers, the profiles of the scheduler and the parts of a node tell.
//
// It owns the broadcasters, and the events that pods are bound while they wait for their turn: binding the next pods comes first. It writes
// Events and reads nothing. It never blocks who tells.
package recorders
