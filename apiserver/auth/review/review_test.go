package review

import (
	"context"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// answer posts obj as bob, who may do nothing but is asked about system:masters, who may do everything.
func answer(of string, obj runtime.Object) (runtime.Object, error) {
	known := authenticator.TokenFunc(func(ctx context.Context, token string) (*authenticator.Response, bool, error) {
		audiences, _ := authenticator.AudiencesFrom(ctx)
		return &authenticator.Response{User: &user.DefaultInfo{Name: "bob"}, Audiences: audiences.Intersect([]string{"api"})}, token == "good", nil
	})
	r := &Reviewer{
		Tokens: &auth.BearerTokens{Tokens: []authenticator.Token{known}}, Audiences: []string{"api"},
		Authorizer: auth.Authorizers{auth.Masters{}}, Rules: auth.Authorizers{}, Clock: clock.RealClock{},
	}
	ctx := auth.WithUser(context.Background(), &user.DefaultInfo{Name: "bob", Groups: []string{user.AllAuthenticated}})
	return r.Funcs()[schema.ParseGroupResource(of)](ctx, "default", obj)
}

func TestAccess(t *testing.T) {
	pods := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}
	got, err := answer("selfsubjectaccessreviews.authorization.k8s.io", &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: pods}})
	if err != nil || got.(*authorizationv1.SelfSubjectAccessReview).Status.Allowed {
		t.Errorf("%+v %v", got, err)
	}
	got, err = answer("subjectaccessreviews.authorization.k8s.io", &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", Groups: []string{"system:masters"}, ResourceAttributes: pods}})
	if err != nil || !got.(*authorizationv1.SubjectAccessReview).Status.Allowed {
		t.Errorf("%+v %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	pods := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}
	root := &authorizationv1.NonResourceAttributes{Path: "/x"}
	self := func(of *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) runtime.Object {
		return &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: of, NonResourceAttributes: path}}
	}
	fields := func(f authorizationv1.FieldSelectorAttributes) *authorizationv1.ResourceAttributes {
		return &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods", FieldSelector: &f}
	}
	in := metav1.FieldSelectorRequirement{Key: "a", Operator: metav1.FieldSelectorOpIn}
	const ssar, prefix = "selfsubjectaccessreviews.authorization.k8s.io", `.authorization.k8s.io "" is invalid: `
	for _, c := range []struct {
		of   string
		obj  runtime.Object
		want string
	}{
		{ssar, self(nil, nil), prefix + `spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`},
		{ssar, self(pods, root), prefix + `spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: cannot be specified in combination with resourceAttributes`},
		{ssar, self(fields(authorizationv1.FieldSelectorAttributes{RawSelector: "a=b", Requirements: []metav1.FieldSelectorRequirement{{Key: "a", Operator: "In", Values: []string{"b"}}}}), nil),
			prefix + `spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`},
		{ssar, self(fields(authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{in}}), nil),
			prefix + "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"},
		{"subjectaccessreviews.authorization.k8s.io", &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: pods}},
			prefix + `spec.user: Invalid value: "": at least one of user or group must be specified`},
		{"localsubjectaccessreviews.authorization.k8s.io", &authorizationv1.LocalSubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}},
			prefix + `spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace`},
		{"localsubjectaccessreviews.authorization.k8s.io", &authorizationv1.LocalSubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", NonResourceAttributes: root}},
			prefix + `spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request`},
		{"selfsubjectrulesreviews.authorization.k8s.io", &authorizationv1.SelfSubjectRulesReview{}, "no namespace on request"},
		{"tokenreviews.authentication.k8s.io", &authenticationv1.TokenReview{}, "token is required for TokenReview in authentication"},
	} {
		if _, err := answer(c.of, c.obj); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", c.of, err, c.want)
		}
	}
}

func TestTokens(t *testing.T) {
	review := func(token string, audiences ...string) authenticationv1.TokenReviewStatus {
		got, err := answer("tokenreviews.authentication.k8s.io", &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences}})
		if err != nil {
			t.Fatal(err)
		}
		return got.(*authenticationv1.TokenReview).Status
	}
	if s := review("good"); !s.Authenticated || s.User.Username != "bob" || len(s.Audiences) != 1 || s.User.Groups[0] != user.AllAuthenticated {
		t.Errorf("%+v", s)
	}
	if s := review("bad"); s.Authenticated || s.Error != "invalid bearer token" || s.User.Username != "" {
		t.Errorf("%+v", s)
	}
	if s := review("good", "other"); s.Authenticated {
		t.Errorf("a token for the API server was good for another: %+v", s)
	}
}
