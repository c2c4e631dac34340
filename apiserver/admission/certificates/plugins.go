package certificates

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

var requests = schema.GroupResource{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}

// Approval is CertificateApproval: who changes conditions must have the verb approve for the signer.
type Approval struct {
	Authorizer authorizer.Authorizer
}

// Validate implements admission.Validator.
func (p *Approval) Validate(ctx context.Context, a *admission.Attributes) error {
	request, ok := a.Old.(*certificatesv1.CertificateSigningRequest)
	if !ok || !a.Is(requests, "approval", admission.Update) {
		return nil
	}
	if !mayActFor(ctx, p.Authorizer, a.User, "approve", request.Spec.SignerName) {
		return admission.Forbidden(a, fmt.Errorf("user not permitted to approve requests with signerName %q", request.Spec.SignerName))
	}
	return nil
}

// Signing is CertificateSigning: who issues a certificate must have the verb sign for the signer.
type Signing struct {
	Authorizer authorizer.Authorizer
}

// Validate implements admission.Validator. Changing other parts of the status is no signing.
func (p *Signing) Validate(ctx context.Context, a *admission.Attributes) error {
	old, hadOld := a.Old.(*certificatesv1.CertificateSigningRequest)
	request, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || !hadOld || !a.Is(requests, "status", admission.Update) {
		return nil
	}
	if reflect.DeepEqual(old.Status.Certificate, request.Status.Certificate) && sameConditions(old, request) {
		return nil
	}
	if !mayActFor(ctx, p.Authorizer, a.User, "sign", old.Spec.SignerName) {
		return admission.Forbidden(a, fmt.Errorf("user not permitted to sign requests with signerName %q", old.Spec.SignerName))
	}
	return nil
}

// sameConditions compares what a signer says: whether it failed.
func sameConditions(old, request *certificatesv1.CertificateSigningRequest) bool {
	failed := func(r *certificatesv1.CertificateSigningRequest) bool {
		return slices.ContainsFunc(r.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
			return c.Type == certificatesv1.CertificateFailed
		})
	}
	return failed(old) == failed(request)
}

// mayActFor asks for the signer itself, then for all signers of its domain.
func mayActFor(ctx context.Context, authz authorizer.Authorizer, u user.Info, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, err := authz.Authorize(ctx, authorizer.AttributesRecord{
			User: u, Verb: verb, Name: name, APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", ResourceRequest: true,
		})
		if err == nil && decision == authorizer.DecisionAllow {
			return true
		}
	}
	return false
}

// Subject is CertificateSubjectRestriction: nobody becomes system:masters by a certificate.
type Subject struct{}

// Validate implements admission.Validator.
func (Subject) Validate(_ context.Context, a *admission.Attributes) error {
	request, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || !a.Is(requests, "", admission.Create) || request.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return nil
	}
	block, _ := pem.Decode(request.Spec.Request)
	if block == nil {
		return admission.Forbidden(a, errors.New("unable to parse CSR: PEM block type must be CERTIFICATE REQUEST"))
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return admission.Forbidden(a, fmt.Errorf("unable to parse CSR: %w", err))
	}
	if slices.Contains(parsed.Subject.Organization, user.SystemPrivilegedGroup) {
		return admission.Forbidden(a, fmt.Errorf("use of %s signer with %s group is not allowed", certificatesv1.KubeAPIServerClientSignerName, user.SystemPrivilegedGroup))
	}
	return nil
}
