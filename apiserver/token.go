package apiserver

import (
	"context"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// TokenIssuer answers requests for tokens of service accounts.
type TokenIssuer interface {
	Issue(ctx context.Context, namespace, name string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error)
}

// issueToken answers a TokenRequest for the service account that the request is about, which admission may still refuse.
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
	if err := c.ownRequest(request, options); err != nil {
		return err
	}
	attributes := c.Attributes(admission.Create, nil, nil, options)
	attributes.Object = request
	if err := c.Admission.Ask(c.Context(), attributes); err != nil {
		return err
	}
	issued, err := c.Tokens.Issue(c.Context(), c.Info.Namespace, c.Info.Name, request)
	if err != nil {
		return err
	}
	issued.SetGroupVersionKind(c.GVK())
	return c.WriteObject(http.StatusCreated, issued)
}

// tokenRequests is what the field manager is to know of them: nothing in particular.
var tokenRequests = &resource.Resource{Name: "tokenrequests"}

// ownRequest tells who asks for a token as the owner of what is asked for, defaults among it.
func (c dispatch) ownRequest(request *authenticationv1.TokenRequest, options call.WriteOptions) error {
	if c.FieldManager == nil {
		return nil
	}
	if request.Spec.ExpirationSeconds == nil {
		request.Spec.ExpirationSeconds = new(int64)
		*request.Spec.ExpirationSeconds = tokens.DefaultSeconds
	}
	owned, err := c.FieldManager.Update(tokenRequests, c.GVK(), &authenticationv1.TokenRequest{}, request.DeepCopy(), options.Manager, c.Info.Subresource)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	request.ManagedFields = owned.GetManagedFields()
	return nil
}
