// Package oidc recognizes the JSON web tokens of OpenID Connect providers, as an AuthenticationConfiguration says.
//
// It owns the checks of tokens (signature, issuer, audience, time, rules), the mapping of claims to users, and the keys of the
// issuers that it has fetched: when the first token of an issuer comes, when one has a key that is not known, and when they have
// grown old; and the claims of groups that tokens say are elsewhere. It reads nothing else, writes nothing, and never decides what a user may do.
package oidc
