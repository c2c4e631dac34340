// Package pressure tells when a node runs out of memory or of room on its disks: what must stay free, what is free, and the conditions
// of the Node that follow. It reads /proc/meminfo and the file systems, when it is asked; it removes nothing itself.
package pressure
