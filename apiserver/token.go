package apiserver

import (
	"context"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// TokenIssuer answers requests for tokens of service accounts.
type TokenIssuer interface {
	Issue(ctx context.Context, namespace, name string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error)
}

func (c *call) issueToken() error {
	if c.Tokens == nil {
		return unavailable("no issuer of service account tokens is configured")
	}
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	request := &authenticationv1.TokenRequest{}
	if err := c.readInto(request, c.gvk(), options); err != nil {
		return err
	}
	attributes := c.attributes(admission.Create, nil, nil, options)
	attributes.Object = request
	if err := c.Admission.Admit(c.ctx(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.ctx(), attributes); err != nil {
		return err
	}
	issued, err := c.Tokens.Issue(c.ctx(), c.info.Namespace, c.info.Name, request)
	if err != nil {
		return err
	}
	issued.SetGroupVersionKind(c.gvk())
	return c.writeObject(http.StatusCreated, issued)
}
