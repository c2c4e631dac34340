// Package services gives Services their cluster IPs, node ports and health check ports.
//
// It changes the Service at hand and returns the operations that go into its transaction: IPAddress objects (one per
// cluster IP, as upstream keeps them) and the bitmap of node ports under /registry/ranges/servicenodeports. Nothing
// is reserved before the commit: an address that another took meanwhile fails the transaction, and the caller asks
// again. It reads the store, and what is served (Hooks), for what the Service at hand needs, and writes nothing itself.
package services
