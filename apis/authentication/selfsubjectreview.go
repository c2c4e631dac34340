package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func selfSubjectReviews() *resource.Resource {
	return &resource.Resource{
		Group:    authenticationv1.GroupName,
		Name:     "selfsubjectreviews",
		Singular: "selfsubjectreview",
		Kind:     "SelfSubjectReview",
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[authenticationv1.SelfSubjectReview],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
