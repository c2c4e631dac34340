// Package certificates approves, signs and cleans up CertificateSigningRequests of
// nodes.
//
// It reads CertificateSigningRequests and Nodes, asks for SubjectAccessReviews, writes
// approvals and certificates, and deletes old requests. Requests of other signers are
// only cleaned up.
package certificates
