// Package serviceaccount gives every pod a service account, the account's image pull secrets and a volume
// with the account's token, and refuses pods whose account does not exist or does not lend its secrets.
//
// It reads service accounts. It changes pods at their creation and writes nothing else.
package serviceaccount
