// Package tokens issues service account tokens and recognizes bearer tokens: those of service accounts,
// bootstrap tokens and those of a static file.
//
// It owns the signing keys, the claims and the documents by which others verify them (OIDC discovery).
// It reads service accounts, pods, secrets and nodes through an auth.Lister, so that a token ends with the
// object that it is bound to. It writes nothing but, once a day, the label of a token in a secret that was used (Uses).
package tokens
