// Package auth says who a request comes from and carries that identity.
//
// It owns the authenticators (client certificates, bearer tokens, a front proxy's headers, anonymous),
// impersonation, and the identity in a context. tokens/ issues and checks tokens, rbac/ and node/
// authorize, review/ answers the reviews that clients post.
// It reads objects through a Lister and headers and certificates of requests. It writes nothing, and never
// decides what an identity may do.
package auth
