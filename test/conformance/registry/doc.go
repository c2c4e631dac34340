// Package registry stands in for a registry of images: it serves what an OCI archive holds, read only, over plain HTTP.
//
// It reads the archive where it lies and keeps an index of it in memory.
package registry
