// Package cacheview is the auth.Lister over the watch cache.
//
// It knows which resource is kept under which prefix. It reads the cache and holds no objects of its own.
package cacheview
