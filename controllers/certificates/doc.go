// Package certificates approves, signs and cleans up CertificateSigningRequests of
// nodes.
//
// It reads CertificateSigningRequests, Nodes, ServiceCIDRs, and the Service and EndpointSlice of the API servers, asks for SubjectAccessReviews, writes
// approvals and certificates, and deletes old requests. Beside upstream's signers it serves coxswain.io/node-component, for the
// service proxy and the name server of a node. Requests of other signers are
// only cleaned up.
package certificates
