// Package certificates approves, signs and cleans up CertificateSigningRequests of
// nodes.
//
// It reads CertificateSigningRequests and Nodes, asks for SubjectAccessReviews, writes
// approvals and certificates, and deletes old requests. Beside upstream's signers it serves coxswain.io/node-component, for the
// service proxy and the name server of a node. Requests of other signers are
// only cleaned up.
package certificates
