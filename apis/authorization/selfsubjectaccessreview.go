package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func selfSubjectAccessReviews() *resource.Resource {
	return &resource.Resource{
		Group:    authorizationv1.GroupName,
		Name:     "selfsubjectaccessreviews",
		Singular: "selfsubjectaccessreview",
		Kind:     "SelfSubjectAccessReview",
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[authorizationv1.SelfSubjectAccessReview],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
