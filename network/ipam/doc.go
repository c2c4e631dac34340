// Package ipam gives the pods of one node their addresses.
//
// It owns one file, state.json, in a folder that does not outlive the machine's boot (below /run): it says which attachment (a
// container's interface) has which addresses, and what else must be undone when it goes. The file is changed under a lock that
// processes share, and replaced in one step. It reads the network namespaces' paths to tell whether an attachment is still alive.
// It never touches links, routes or rules.
package ipam
