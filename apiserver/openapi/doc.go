// Package openapi describes the API to clients: /openapi/v3 with one document for each group version, and /openapi/v2 with
// everything in one.
//
// The schemas come from definitions.zst, which hack/openapi makes of the Go types at development time; the paths come
// from the rows. A document is put together when somebody asks for it, kept compressed, and dropped when nobody has asked for
// it for some time: an idle server holds the compressed schemas and nothing else. Hashes are those of what a document is made
// of, so that the index costs nothing.
//
// It reads rows and requests, writes answers, and never looks at stored objects.
package openapi
