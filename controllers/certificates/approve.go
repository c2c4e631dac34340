package certificates

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
)

// approval returns the message with which a request is approved, empty if it is not for
// us to decide.
func (c *Controller) approval(ctx context.Context, csr *certificatesv1.CertificateSigningRequest, request *x509.CertificateRequest) (string, error) {
	if validate(csr.Spec.SignerName, request, csr.Spec.Usages) != nil {
		return "", nil
	}
	switch csr.Spec.SignerName {
	case certificatesv1.KubeAPIServerClientKubeletSignerName:
		if csr.Spec.Username == request.Subject.CommonName {
			allowed, err := c.allowed(ctx, csr, "selfnodeclient")
			if allowed || err != nil {
				return "Auto approving self kubelet client certificate after SubjectAccessReview.", err
			}
		}
		allowed, err := c.allowed(ctx, csr, "nodeclient")
		if allowed || err != nil {
			return "Auto approving kubelet client certificate after SubjectAccessReview.", err
		}
	case NodeComponentSigner:
		if !slices.Contains(csr.Spec.Groups, nodeGroup) {
			return "", nil
		}
		allowed, err := c.allowed(ctx, csr, "nodecomponent")
		if allowed || err != nil {
			return "Auto approving client certificate of a node's component after SubjectAccessReview.", err
		}
	case certificatesv1.KubeletServingSignerName:
		if c.ApprovesNoServing || csr.Spec.Username != request.Subject.CommonName || !slices.Contains(csr.Spec.Groups, nodeGroup) {
			return "", nil
		}
		own, err := c.servesItself(ctx, strings.TrimPrefix(csr.Spec.Username, nodePrefix), request)
		if own || err != nil {
			return "Auto approving kubelet serving certificate for the node's own addresses.", err
		}
	}
	return "", nil
}

// allowed asks whether the requester may have such certificates without an approver.
func (c *Controller) allowed(ctx context.Context, csr *certificatesv1.CertificateSigningRequest, subresource string) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, value := range csr.Spec.Extra {
		extra[key] = authorizationv1.ExtraValue(value)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: csr.Spec.Username, UID: csr.Spec.UID, Groups: csr.Spec.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: certificatesv1.GroupName, Resource: "certificatesigningrequests",
			Verb: "create", Subresource: subresource, Version: "*",
		},
	}}
	if err := c.Client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("reviewing access: %w", err)
	}
	return review.Status.Allowed, nil
}
