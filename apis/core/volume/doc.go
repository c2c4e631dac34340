// Package volume describes PersistentVolumes and PersistentVolumeClaims: rows, defaulting, validation, warnings and columns. It reads and
// writes nothing.
package volume
