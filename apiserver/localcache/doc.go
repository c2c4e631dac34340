// Package localcache is controller-runtime's cache for components in the API server's own process: its informers are
// fed by the watch cache, without a request, an encoding or a copy. Their objects are those of the watch cache, shared
// with everybody, and must never be changed.
//
// The informer of a kind has two goroutines, whatever listens to it: one follows the watch cache, one tells all handlers in
// turn of what has come meanwhile (see delivery). A handler that does not return gets one of its own.
//
// Kinds that the watch cache does not hold as they are asked for (another version, untyped, of some namespaces only) are
// listed and watched through the API as anywhere else. It reads the watch cache and writes nothing.
package localcache
