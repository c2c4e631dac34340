package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authenticationv1beta1 "k8s.io/api/authentication/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient/reviews"
)

// callPatience is how long one attempt may take.
const callPatience = 30 * time.Second

// Tokens recognizes the tokens that a webhook recognizes.
type Tokens struct {
	client    *reviews.Client
	version   string
	audiences authenticator.Audiences // of the API server
}

var _ authenticator.Token = &Tokens{}

// NewTokens reads the kubeconfig of a webhook that answers TokenReviews of a version, v1 or v1beta1. The audiences are the API
// server's: what a token is for when neither the question nor the answer says.
func NewTokens(kubeconfig, version string, audiences []string, c clock.Clock) (*Tokens, error) {
	if version != "v1" && version != "v1beta1" {
		return nil, fmt.Errorf(`unsupported authentication webhook version %q, supported versions are "v1", "v1beta1"`, version)
	}
	made, err := reviews.New(kubeconfig, callPatience, reviews.UsualPause, c)
	if err != nil {
		return nil, err
	}
	return &Tokens{client: made, version: version, audiences: audiences}, nil
}

// AuthenticateToken implements authenticator.Token.
func (t *Tokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	wanted, _ := authenticator.AudiencesFrom(ctx)
	if len(wanted) == 0 {
		wanted = t.audiences
	}
	status, err := t.ask(ctx, token, wanted)
	if err != nil {
		return nil, false, err
	}
	given := authenticator.Audiences(status.Audiences)
	if len(given) == 0 {
		given = t.audiences
	}
	both := wanted.Intersect(given)
	if len(wanted) > 0 && len(both) == 0 {
		return nil, false, nil
	}
	if !status.Authenticated {
		if status.Error != "" {
			err = errors.New(status.Error)
		}
		return nil, false, err
	}
	u := &user.DefaultInfo{Name: status.User.Username, UID: status.User.UID, Groups: status.User.Groups}
	for key, values := range status.User.Extra {
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		u.Extra[key] = values
	}
	return &authenticator.Response{User: u, Audiences: both}, true, nil
}

// ask posts a review in the version that the webhook speaks; the fields of the answers have the same names in all.
func (t *Tokens) ask(ctx context.Context, token string, wanted []string) (*authenticationv1.TokenReviewStatus, error) {
	var answer authenticationv1.TokenReview
	var question any
	kind := metav1.TypeMeta{Kind: "TokenReview", APIVersion: "authentication.k8s.io/" + t.version}
	if t.version == "v1beta1" {
		question = &authenticationv1beta1.TokenReview{TypeMeta: kind, Spec: authenticationv1beta1.TokenReviewSpec{Token: token, Audiences: wanted}}
	} else {
		question = &authenticationv1.TokenReview{TypeMeta: kind, Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: wanted}}
	}
	if err := t.client.Post(ctx, question, &answer); err != nil {
		return nil, err
	}
	if answer.Kind != kind.Kind || answer.APIVersion != kind.APIVersion {
		return nil, fmt.Errorf("the webhook answered a %s of %q in place of a TokenReview of %q", answer.Kind, answer.APIVersion, kind.APIVersion)
	}
	return &answer.Status, nil
}
