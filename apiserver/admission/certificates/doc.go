// Package certificates holds the plugins of certificate signing requests: who may approve, who may sign, and whom nobody may become.
//
// It reads nothing but the request at hand, and asks the authorizer. It changes nothing.
package certificates
