// Package waiters has callers wait until a revision is reached.
//
// It owns who waits for which revision. It reads the revision that it is handed, is told when it has grown, and never makes anybody wait who tells.
package waiters
