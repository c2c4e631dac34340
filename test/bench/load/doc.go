// Package load puts an API server under load and says how it did: it repeats calls by several workers, watches one object
// by many clients, and reads from /proc what processes cost. It knows neither who serves nor what is compared.
package load
