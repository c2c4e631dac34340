// Package serviceaccounttoken fills the Secrets in which long-lived tokens of service accounts are kept, for those that still need one.
//
// Whoever wants such a token makes a Secret of type kubernetes.io/service-account-token whose annotation names the account. This package writes the
// token, the authority by which the API server is known and the namespace into it, deletes it when the account is gone or
// has been made anew, and takes a Secret that is gone out of the account's list. It makes no Secrets, and acts as the controller manager itself.
package serviceaccounttoken
