// Package apiserver serves the rows of apis: one file per verb.
//
// It owns the path of a request: what is asked (request), by whom and whether they may (auth), decoding (codec),
// defaulting, admission, validation, the transaction, and the answer. Reads come from the watch cache
// (storage/cache), writes go to the store.
// It never knows a resource's rules by name: those are in the rows. Where a resource wants more than a row can say
// (addresses of Services, the end of a Namespace), it is one entry in hooks.go.
package apiserver
