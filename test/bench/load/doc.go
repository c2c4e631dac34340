// Package load puts an API server under load and says how it did: it repeats calls by several workers of client-go or by a light client of
// its own, watches one object by many clients, and reads from /proc and from the kernel's clocks what processes cost. It knows neither who
// serves nor what is compared.
package load
