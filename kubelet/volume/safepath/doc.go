// Package safepath resolves, binds and removes paths that a container may be changing at the same time.
//
// Every step works on open file descriptors (openat2 with RESOLVE_BENEATH), so a symbolic link that is swapped in
// between a check and its use leads nowhere outside. It owns no files and keeps no state.
package safepath
