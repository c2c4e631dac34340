package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient/reviews"
)

// maxRemembered is the size up to which a question is remembered, so that clients cannot fill the memory with long ones.
const maxRemembered = 10000

// Access is an authorizer that asks a webhook.
type Access struct {
	name    string
	config  apiserver.WebhookConfiguration
	client  *reviews.Client
	matcher *authorizationcel.CELMatcher // nil where everything is asked
	clock   clock.Clock
	metrics *authmetrics.Metrics
	failed  authorizer.Decision

	known auth.Bounded[[sha256.Size]byte, decided]
}

// decided is an answer of the webhook.
type decided struct {
	status authorizationv1.SubjectAccessReviewStatus
	until  time.Time
}

var (
	_ authorizer.Authorizer   = &Access{}
	_ authorizer.RuleResolver = &Access{}
)

// Settings of a webhook.
type Settings struct {
	Name       string
	Kubeconfig string
	// Config was validated. Matcher is of its conditions, or nil.
	Config  apiserver.WebhookConfiguration
	Matcher *authorizationcel.CELMatcher
	Clock   clock.Clock
	Metrics *authmetrics.Metrics
}

// NewAccess reads the kubeconfig of the webhook.
func NewAccess(s Settings) (*Access, error) {
	made, err := reviews.New(s.Kubeconfig, s.Config.Timeout.Duration, reviews.UsualPause, s.Clock)
	if err != nil {
		return nil, err
	}
	a := &Access{name: s.Name, config: s.Config, client: made, clock: s.Clock, metrics: s.Metrics, failed: authorizer.DecisionNoOpinion}
	if s.Config.FailurePolicy == apiserver.FailurePolicyDeny {
		a.failed = authorizer.DecisionDeny
	}
	if s.Matcher != nil && len(s.Matcher.CompilationResults) > 0 {
		a.matcher = s.Matcher
		a.matcher.Metrics, a.matcher.AuthorizerType, a.matcher.AuthorizerName = s.Metrics, string(apiserver.TypeWebhook), s.Name
	}
	return a, nil
}

// Authorize implements authorizer.Authorizer.
func (a *Access) Authorize(ctx context.Context, of authorizer.Attributes) (authorizer.Decision, string, error) {
	review := reviewOf(of)
	if a.matcher != nil {
		matches, err := a.matcher.Eval(ctx, review)
		if err != nil {
			return a.failed, "", err
		}
		if !matches {
			return authorizer.DecisionNoOpinion, "", nil
		}
	}
	status, err := a.decide(ctx, review)
	if err != nil {
		return a.failed, "", err
	}
	switch {
	case status.Denied && status.Allowed:
		return authorizer.DecisionDeny, "", errors.New("webhook subject access review returned both allow and deny response")
	case status.Denied:
		return authorizer.DecisionDeny, status.Reason, nil
	case status.Allowed:
		return authorizer.DecisionAllow, status.Reason, nil
	}
	return authorizer.DecisionNoOpinion, status.Reason, nil
}

// decide asks the webhook, or remembers what it said.
func (a *Access) decide(ctx context.Context, review *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReviewStatus, error) {
	question, err := json.Marshal(review.Spec)
	if err != nil {
		return nil, fmt.Errorf("encoding a review: %w", err)
	}
	key := sha256.Sum256(question)
	if known, ok := a.known.Get(key); ok && a.clock.Now().Before(known.until) {
		return &known.status, nil
	}
	status, err := a.ask(ctx, review)
	if err != nil {
		return nil, err
	}
	keep := a.config.UnauthorizedTTL.Duration
	switch {
	case status.Allowed && !a.config.CacheAuthorizedRequests, !status.Allowed && !a.config.CacheUnauthorizedRequests:
		keep = 0
	case status.Allowed:
		keep = a.config.AuthorizedTTL.Duration
	}
	if keep > 0 && len(question) <= maxRemembered {
		a.known.Put(key, decided{*status, a.clock.Now().Add(keep)})
	}
	return status, nil
}

func (a *Access) ask(ctx context.Context, review *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReviewStatus, error) {
	kind := metav1.TypeMeta{Kind: "SubjectAccessReview", APIVersion: "authorization.k8s.io/" + a.config.SubjectAccessReviewVersion}
	var question any = review
	if a.config.SubjectAccessReviewVersion == "v1beta1" {
		old := beta(review)
		old.TypeMeta, question = kind, old
	}
	review.TypeMeta = kind
	start := a.clock.Now()
	asking, cancel := context.WithTimeout(ctx, a.config.Timeout.Duration)
	defer cancel()
	var answer authorizationv1.SubjectAccessReview
	err := a.client.Post(asking, question, &answer)
	if err == nil && (answer.Kind != kind.Kind || answer.APIVersion != kind.APIVersion) {
		err = fmt.Errorf("the webhook answered a %s of %q in place of a SubjectAccessReview of %q", answer.Kind, answer.APIVersion, kind.APIVersion)
	}
	result := "success"
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		result = "canceled"
	case asking.Err() != nil:
		result = "timeout"
	default:
		result = "error"
	}
	a.metrics.Webhook(a.name, result, a.clock.Since(start), err != nil && a.failed == authorizer.DecisionNoOpinion)
	return &answer.Status, err
}

// RulesFor implements authorizer.RuleResolver: a webhook cannot list what a user may do.
func (a *Access) RulesFor(context.Context, user.Info, string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	return nil, nil, true, errors.New("webhook authorizer does not support user rule resolution")
}
