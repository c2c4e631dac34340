package review

import (
	"context"
	"errors"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var errNoUser = errors.New("no user present on request")

func (r *Reviewer) self(ctx context.Context, _ string, review *authenticationv1.SelfSubjectReview) error {
	u, ok := auth.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest(errNoUser.Error())
	}
	review.ObjectMeta = metav1.ObjectMeta{CreationTimestamp: r.now()} // the answer is an object of its own
	review.Status.UserInfo = userInfo(u)
	return nil
}

func (r *Reviewer) token(ctx context.Context, _ string, review *authenticationv1.TokenReview) error {
	if review.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	if r.Tokens == nil {
		return nil
	}
	wanted := authenticator.Audiences(review.Spec.Audiences)
	if len(wanted) == 0 {
		wanted = r.Audiences
	}
	if len(wanted) > 0 {
		ctx = authenticator.WithAudiences(ctx, wanted)
	}
	response, ok, err := r.Tokens.AuthenticateToken(ctx, review.Spec.Token)
	review.Status = authenticationv1.TokenReviewStatus{Authenticated: ok && err == nil}
	if err != nil {
		review.Status.Error = err.Error()
	}
	if !review.Status.Authenticated {
		return nil
	}
	audiences := response.Audiences
	if len(audiences) == 0 {
		// The token says nothing about audiences, so it is for the API server alone.
		audiences = wanted.Intersect(r.Audiences)
		if len(wanted) > 0 && len(audiences) == 0 {
			review.Status = authenticationv1.TokenReviewStatus{Error: auth.ErrInvalidToken.Error()}
			return nil
		}
	}
	review.Status.Audiences = audiences
	review.Status.User = userInfo(auth.Authenticated(response.User))
	return nil
}

func userInfo(u user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
	for key, values := range u.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}
