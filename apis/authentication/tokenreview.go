package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func tokenReviews() *resource.Resource {
	return &resource.Resource{
		Group:    authenticationv1.GroupName,
		Name:     "tokenreviews",
		Singular: "tokenreview",
		Kind:     "TokenReview",
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[authenticationv1.TokenReview],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
