package apiserver

import (
	"context"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// TokenIssuer answers requests for tokens of service accounts.
type TokenIssuer interface {
	Issue(ctx context.Context, namespace, name string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error)
}

func (c dispatch) issueToken() error {
	if c.Tokens == nil {
		return refusal.Unavailable("no issuer of service account tokens is configured")
	}
	options, err := c.CreateOptions()
	if err != nil {
		return err
	}
	request := &authenticationv1.TokenRequest{}
	if err := c.ReadInto(request, c.GVK(), options); err != nil {
		return err
	}
	if err := c.FitNamespace(request); err != nil {
		return err
	}
	attributes := c.Attributes(admission.Create, nil, nil, options)
	attributes.Object = request
	if err := c.Admission.Admit(c.Context(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.Context(), attributes); err != nil {
		return err
	}
	issued, err := c.Tokens.Issue(c.Context(), c.Info.Namespace, c.Info.Name, request)
	if err != nil {
		return err
	}
	issued.SetGroupVersionKind(c.GVK())
	return c.WriteObject(http.StatusCreated, issued)
}
