// Package request says what a request asks for: which resource of which group and version, by which verb, or which
// other path. It reads the method, the path and the query of a request, and nothing else.
package request
